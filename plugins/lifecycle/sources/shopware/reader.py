"""The reading of Shopware's Admin API.

No page is numbered: each asks for what comes after the one before, by a field that no edit changes and that only grows.
So nothing moves under the reader, whatever is deleted meanwhile. Most entities count their rows for that
(``autoIncrement``); of the others, it is when they were created, and documents of one moment are distinguished by id.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from lifecycle.errors import AnswerUnreadable
from lifecycle.settings import Connection
from lifecycle.sources import Document, Page, Pages, Stream, StreamSpec, moment
from lifecycle.sources.shopware import ShopwareShop
from lifecycle.sources.shopware.integration import Integration, ask
from lifecycle.sources.shopware.searches import SEARCHES, Search
from lifecycle.web import Session, part


def streams(shop: ShopwareShop, connection: Connection, wanted: Mapping[str, StreamSpec]) -> list[Stream]:
    """What a Shopware shop has to tell."""
    address = connection.base_url()
    session = Session()
    session.headers["Accept"] = "application/json"  # or it answers in JSON:API
    session.auth = Integration(f"{address}/api/oauth/token", connection)
    days, day = timedelta(days=shop.overlap_days), timedelta(days=1)
    overlaps = {name: days if name in {"orders", "state_history"} else day for name in wanted}
    return [_stream(spec, session, address, overlaps[name]) for name, spec in wanted.items()]


def _stream(spec: StreamSpec, session: Session, address: str, overlap: timedelta) -> Stream:
    search = SEARCHES[spec.name]
    entity = Entity(session, f"{address}/api/search/{search.entity.replace('_', '-')}", search, spec.page_size)
    return Stream.of(
        spec,
        partial(_changed_at, search),
        pages=entity.changes,
        overlap=overlap,
        listing=entity.listing if search.can_vanish else None,
    )


@dataclass(frozen=True, slots=True)
class Entity:
    """An entity of a shop, to be asked page by page."""

    session: Session
    url: str
    search: Search
    page_size: int

    def changes(self, since: datetime | None) -> Pages:
        """The documents that changed since a moment, whole."""
        search, filters = self.search, list(self.search.filters)
        if since:
            start = {"gte": since.astimezone(UTC).isoformat(timespec="milliseconds")}
            queries = [{"type": "range", "field": name, "parameters": start} for name in search.changed]
            filters.append({"type": "multi", "operator": "or", "queries": queries})
        includes = {entity: names.split() for entity, names in search.includes.items()}
        return self._pages(filters, {"associations": _nested(search.associations.split()), "includes": includes})

    def listing(self) -> Pages:
        """Every document's id, and the field that pages follow, which a list of bare ids would lack."""
        includes = {self.search.entity: ["id", self.search.order]}
        return self._pages(list(self.search.filters), {"includes": includes})

    def _pages(self, filters: list[Document], criteria: Document) -> Pages:
        """Every page; the end is a page that is not full and all that there is, or an empty one."""
        order, limit = self.search.order, self.page_size
        criteria |= {"limit": limit, "total-count-mode": 1, "sort": [{"field": order, "order": "ASC"}]}
        after: Any = None
        known: list[str] = []  # the ids of what was read at that point
        total = None
        while True:
            answer = ask(self.session, self.url, {**criteria, "filter": [*filters, *_beyond(order, after, known)]})
            page, left = part(answer, "data", list), part(answer, "total", int)
            total = left if total is None else total
            yield Page(page, total)
            if not page or (len(page) < limit and len(page) >= left):
                return
            last = page[-1][order]
            if after is not None and (last < after or not {item["id"] for item in page}.isdisjoint(known)):
                message = f"a page gives again what comes before {order} of the page before it"
                raise AnswerUnreadable(message)
            known = [item["id"] for item in page if item[order] == last] + (known if last == after else [])
            after = last


def _beyond(order: str, after: Any, known: list[str]) -> list[Document]:
    if after is None:
        return []
    seen = {"type": "equalsAny", "field": "id", "value": "|".join(known)}
    return [
        {"type": "range", "field": order, "parameters": {"gte": after}},
        {"type": "not", "operator": "or", "queries": [seen]},
    ]


def _nested(paths: Iterable[str]) -> Document:
    """Paths as Shopware's criteria want them: each association within the one before it."""
    root: Document = {}
    for path in paths:
        within = root
        for name in path.split("."):
            within = within.setdefault("associations", {}).setdefault(name, {})
    associations: Document = root.get("associations", {})
    return associations


def _changed_at(search: Search, item: Document) -> datetime | None:
    """The latest of the moments that tell of a change; ``None`` if there is none."""
    moments = (moment(text) for name in search.changed for text in _values(item, name.split(".")))
    return max(filter(None, moments), default=None)


def _values(value: Any, path: list[str]) -> Iterator[object]:
    if isinstance(value, list):
        for element in value:
            yield from _values(element, path)
    elif not path:
        yield value
    elif isinstance(value, dict):
        yield from _values(value.get(path[0]), path[1:])
