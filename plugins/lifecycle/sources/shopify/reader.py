"""The reading of Shopify's Admin API.

The first one is a bulk operation. Later ones page through what changed, oldest change first: what changes meanwhile
moves to the end and comes again. Both give the same documents.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial

from lifecycle.errors import AnswerUnreadable, RetryLater
from lifecycle.settings import Connection
from lifecycle.sources import Document, Pages, Stream, StreamSpec, moment
from lifecycle.sources.shopify import ShopifyShop, bulk
from lifecycle.sources.shopify.admin import Admin
from lifecycle.sources.shopify.queries import COMPANIES, KINDS, MORE_LINES, ORDERS, Kind
from lifecycle.web import part

LINES_PAGE_SIZE = 200
#: Shopify pages through 25,000 objects at most; before that, a new query begins at the last change seen.
DEEPEST_PAGING = 20_000


def streams(shop: ShopifyShop, connection: Connection, wanted: Mapping[str, StreamSpec]) -> list[Stream]:
    """What a Shopify shop has to tell."""
    admin = Admin(connection, shop.api_version)
    return [
        Stream.of(
            wanted[kind.name],
            _changed_at,
            pages=partial(_pages, admin, kind, wanted[kind.name].page_size),
            overlap=timedelta(days=shop.overlap_days if kind is ORDERS else 1),
            listing=partial(_listing, admin, kind),
            probe=partial(admin.check, kind.scopes),
        )
        for kind in KINDS
        if kind.name in wanted
    ]


def _changed_at(item: Document) -> datetime | None:
    return moment(item.get("updatedAt"))


def _pages(admin: Admin, kind: Kind, page_size: int, since: datetime | None) -> Pages:
    admin.check(kind.scopes)
    with_companies = bool(kind.company_fields or kind is COMPANIES) and admin.sells_to_companies
    if kind is COMPANIES and not with_companies:
        return
    if since is None:
        yield from bulk.everything(admin, kind.bulk_query(with_companies=with_companies), has_lines=kind.has_lines)
    else:
        query = kind.page_query(with_companies=with_companies)
        yield from _changed(admin, kind, partial(admin.ask, query, first=page_size), since)


def _listing(admin: Admin, kind: Kind) -> Pages:
    """The ids of all there are."""
    admin.check(kind.scopes)
    if kind is not COMPANIES or admin.sells_to_companies:
        yield from bulk.everything(admin, kind.listing_query(), has_lines=False)


def _changed(admin: Admin, kind: Kind, ask: Callable[..., Document], since: datetime) -> Pages:
    """What changed since a moment, in as many queries as the deepest paging needs."""

    def page(begin: datetime, after: str | None) -> object:
        changed = f"updated_at:>='{begin.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}'"
        return ask(after=after, query=changed).get(kind.name)

    following: datetime | None = since
    while following:
        begin, following, seen = following, None, 0
        for nodes in _paged(partial(page, begin)):
            yield [_with_all_lines(admin, order) for order in nodes] if kind.has_lines else nodes
            seen += len(nodes)
            last = _changed_at(nodes[-1]) if nodes else None
            if seen >= DEEPEST_PAGING and last and last - begin >= timedelta(seconds=1):
                following = last
                break


def _paged(ask: Callable[[str | None], object]) -> Iterator[list[Document]]:
    """The pages of a connection, of which ``ask`` gives the one after a cursor; only ``hasNextPage`` says the end."""
    after: str | None = None
    while True:
        connection = ask(after)
        info = part(connection, "pageInfo", dict)
        yield part(connection, "nodes", list)
        if not part(info, "hasNextPage", bool):
            return
        before, after = after, part(info, "endCursor", str)
        if after == before:
            message = "a page ends where it began"
            raise AnswerUnreadable(message)


def _with_all_lines(admin: Admin, order: Document) -> Document:
    """An order with all its lines; those beyond the first few cost further requests."""

    def lines(after: str | None) -> object:
        if after is None:
            return order["lineItems"]
        there = admin.ask(MORE_LINES, id=order["id"], first=LINES_PAGE_SIZE, after=after).get("order")
        if there is None:
            message = "an order vanished while its lines were read"
            raise RetryLater(message)
        return part(there, "lineItems", dict)

    return {**order, "lineItems": {"nodes": [line for page in _paged(lines) for line in page]}}
