"""WooCommerce, REST API v3: orders, customers and products.

Pages are numbered and sorted by id, which no edit changes. A document that is deleted while we read moves
the rest forward, so the reader goes back a page when the total falls. A refund does not always date its
order's change, so recent orders are read again whatever their date. Customers can't be filtered by change:
all are read, in whatever role.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import chain
from typing import Any

from lifecycle.settings import Connection, WooCommerceShop
from lifecycle.sources import Document, Page, Pages, Stream, identity, moment
from lifecycle.web import Session, document, documents

PAGE_SIZE = 100
API = "/wp-json/wc/v3"
RIGHT = "a REST API key that may read"
#: How much later than it happened a change may be dated.
LATE = timedelta(days=1)
#: Without it, accounts in another role than that of customers are left out.
EVERYBODY = {"customers": {"role": "all"}}


def streams(shop: WooCommerceShop, connection: Connection, _: date) -> list[Stream]:
    """What a WooCommerce shop has to tell."""
    session = Session()
    session.auth = (connection.login, connection.password)
    address = connection.base_url() + API

    def stream(name: str, pages: Any, overlap: timedelta, *, is_dated: bool = True) -> Stream:
        url, little = f"{address}/{name}", {"_fields": "id", **EVERYBODY.get(name, {})}
        return Stream(
            name,
            _key,
            _changed_at if is_dated else _never,
            partial(pages, session, url),
            overlap,
            listing=partial(_pages, session, url, little),
            right=RIGHT,
            probe=lambda: document(session.get(url, params={**little, "per_page": "1"})),
        )

    return [
        stream("orders", partial(_orders, timedelta(days=shop.overlap_days)), timedelta(days=shop.overlap_days)),
        stream("customers", _everybody, timedelta(0), is_dated=False),
        stream("products", _changed, LATE),
    ]


def _key(item: Document) -> str:
    return identity(item, "id")


def _never(_: Document) -> None:
    return None


def _changed_at(item: Document) -> datetime | None:
    """``date_modified_gmt``, which is in UTC but doesn't say so; ``None`` if the shop gives none."""
    return moment(item.get("date_modified_gmt") or item.get("date_created_gmt"))


def _everybody(session: Session, url: str, _: datetime | None) -> Pages:
    return _pages(session, url, EVERYBODY["customers"])


def _changed(session: Session, url: str, since: datetime | None) -> Pages:
    return _pages(session, url, _after("modified_after", since) if since else {})


def _orders(overlap: timedelta, session: Session, url: str, since: datetime | None) -> Pages:
    """What the shop dates as changed, and what was made within the overlap, whose changes it may not have dated."""
    if since is None:
        return _pages(session, url, {})
    changed = _pages(session, url, _after("modified_after", since + max(overlap - LATE, timedelta(0))))
    return chain(changed, _pages(session, url, _after("after", since))) if overlap else changed


def _after(which: str, since: datetime) -> dict[str, str]:
    return {which: since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S"), "dates_are_gmt": "true"}


def _pages(session: Session, url: str, query: dict[str, str]) -> Iterator[Page]:
    """Every page; the end is where ``X-WP-TotalPages`` says, or the first empty page."""
    about: dict[str, str | int] = {**query, "per_page": PAGE_SIZE, "orderby": "id", "order": "asc"}
    number, known_total = 1, 0
    while True:
        response = session.get(url, params={**about, "page": number})
        page = documents(response)
        total = _count(response.headers.get("X-WP-Total"), default=known_total)
        yield Page(page, total)
        pages_back = -(min(total - known_total, 0) // PAGE_SIZE)
        if pages_back:
            number = max(number - pages_back, 1)
        elif not page or number >= _count(response.headers.get("X-WP-TotalPages"), default=number + 1):
            return
        else:
            number += 1
        known_total = total


def _count(header: str | None, default: int) -> int:
    return int(header) if header and header.isdigit() else default
