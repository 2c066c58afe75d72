"""WooCommerce, REST API v3: orders, customers and products.

Pages are numbered and sorted by id, which no edit changes. A document that is deleted while we read moves
the rest forward, so the reader goes back a page when the total falls. Customers can't be filtered by
change: they are swept.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

from lifecycle.errors import AnswerUnreadable
from lifecycle.settings import Connection, Shop
from lifecycle.sources import Document, Page, Stream, identity, moment
from lifecycle.web import Session, document

PAGE_SIZE = 100
API = "/wp-json/wc/v3"


def streams(shop: Shop, connection: Connection, _: date) -> list[Stream]:
    """What a WooCommerce shop has to tell."""
    session = Session()
    session.auth = (connection.login, connection.password)
    address = connection.base_url() + API
    overlap = timedelta(days=shop.overlap_days)
    return [
        Stream("orders", _key, _changed_at, partial(_pages, session, f"{address}/orders"), overlap),
        Stream("customers", _key, _never, partial(_pages, session, f"{address}/customers")),
        Stream("products", _key, _changed_at, partial(_pages, session, f"{address}/products"), timedelta(days=1)),
    ]


def _key(item: Document) -> str:
    return identity(item, "id")


def _never(_: Document) -> None:
    return None


def _changed_at(item: Document) -> datetime | None:
    """``date_modified_gmt``, which is in UTC but doesn't say so; ``None`` if the shop gives none."""
    return moment(item.get("date_modified_gmt") or item.get("date_created_gmt"))


def _pages(session: Session, url: str, since: datetime | None) -> Iterator[Page]:
    """Every page; the end is where ``X-WP-TotalPages`` says, or the first empty page."""
    query: dict[str, Any] = {"per_page": PAGE_SIZE, "orderby": "id", "order": "asc"}
    if since:
        query |= {
            "modified_after": since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S"),
            "dates_are_gmt": "true",
        }
    number, known_total = 1, 0
    while True:
        response = session.get(url, params={**query, "page": number})
        page = document(response)
        if not isinstance(page, list):
            message = f"expected a list of documents, got {type(page).__name__}"
            raise AnswerUnreadable(message)
        total = _count(response.headers.get("X-WP-Total"), default=known_total)
        yield page
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
