"""The reading of WooCommerce's REST API.

Pages are numbered and sorted by id, which no edit changes. A document that is deleted while we read moves
the rest forward, so the reader goes back a page when the total falls. A refund does not always date its
order's change, so recent orders are read again whatever their date. Customers can't be filtered by change:
all are read, in whatever role.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import chain
from typing import Any

from lifecycle.settings import Connection
from lifecycle.sources import Document, Page, Pages, Stream, StreamSpec, moment
from lifecycle.sources.woocommerce import WooCommerceShop
from lifecycle.web import Session, document, documents

API = "/wp-json/wc/v3"
#: How much later than it happened a change may be dated.
LATE = timedelta(days=1)
#: Without it, accounts in another role than that of customers are left out.
EVERYBODY = {"customers": {"role": "all"}}


def streams(shop: WooCommerceShop, connection: Connection, wanted: Mapping[str, StreamSpec]) -> list[Stream]:
    """What a WooCommerce shop has to tell."""
    session = Session()
    session.auth = (connection.login, connection.password)
    address, days = connection.base_url() + API, timedelta(days=shop.overlap_days)
    readings: Mapping[str, tuple[Any, timedelta]] = {
        "orders": (partial(_orders, days), days),
        "customers": (_everybody, timedelta(0)),
        "products": (_changed, LATE),
    }
    return [_stream(spec, session, f"{address}/{name}", *readings[name]) for name, spec in wanted.items()]


def _stream(spec: StreamSpec, session: Session, url: str, pages: Any, overlap: timedelta) -> Stream:
    little = {"_fields": "id", **EVERYBODY.get(spec.name, {})}
    listing = Listing(session, url, spec.page_size)
    return Stream.of(
        spec,
        _never if spec.name in EVERYBODY else _changed_at,
        pages=partial(pages, listing),
        overlap=overlap,
        listing=partial(listing.pages, little),
        probe=lambda: document(session.get(url, params={**little, "per_page": "1"})),
    )


def _never(_: Document) -> None:
    return None


def _changed_at(item: Document) -> datetime | None:
    """``date_modified_gmt``, which is in UTC but doesn't say so; ``None`` if the shop gives none."""
    return moment(item.get("date_modified_gmt") or item.get("date_created_gmt"))


@dataclass(frozen=True, slots=True)
class Listing:
    """An address that lists documents page by page."""

    session: Session
    url: str
    page_size: int

    def pages(self, query: Mapping[str, str]) -> Iterator[Page]:
        """Every page; the end is where ``X-WP-TotalPages`` says, or the first empty page."""
        whole = {**query, "per_page": str(self.page_size), "orderby": "id", "order": "asc"}
        number, known_total = 1, 0
        while True:
            response = self.session.get(self.url, params={**whole, "page": str(number)})
            page = documents(response)
            total = _count(response.headers.get("X-WP-Total"), default=known_total)
            yield Page(page, total)
            pages_back = -(min(total - known_total, 0) // self.page_size)
            if pages_back:
                number = max(number - pages_back, 1)
            elif not page or number >= _count(response.headers.get("X-WP-TotalPages"), default=number + 1):
                return
            else:
                number += 1
            known_total = total


def _everybody(listing: Listing, _: datetime | None) -> Pages:
    return listing.pages(EVERYBODY["customers"])


def _changed(listing: Listing, since: datetime | None) -> Pages:
    return listing.pages(_after("modified_after", since) if since else {})


def _orders(overlap: timedelta, listing: Listing, since: datetime | None) -> Pages:
    """What the shop dates as changed, and what was made within the overlap, whose changes it may not have dated."""
    if since is None:
        return listing.pages({})
    changed = listing.pages(_after("modified_after", since + max(overlap - LATE, timedelta(0))))
    return chain(changed, listing.pages(_after("after", since))) if overlap else changed


def _after(which: str, since: datetime) -> dict[str, str]:
    return {which: since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S"), "dates_are_gmt": "true"}


def _count(header: str | None, default: int) -> int:
    return int(header) if header and header.isdigit() else default
