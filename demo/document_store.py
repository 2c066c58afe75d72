"""Documents of one resource with the keys that a listing filters and sorts on.

A selection (all matching positions, sorted) is computed once with numpy and kept, so that every further page
of the same listing is a slice. A change of the documents clears it; the clock is part of its key.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Document: TypeAlias = dict[str, Any]
Integers: TypeAlias = npt.NDArray[np.int64]
Mask: TypeAlias = npt.NDArray[np.bool_]

KEPT_SELECTIONS = 32


@dataclass(frozen=True)
class Keys:
    """One entry per document, in the documents' order; times are epoch seconds."""

    ids: Integers
    created: Integers
    modified: Integers
    customers: Integers
    statuses: npt.NDArray[np.str_]


@dataclass(frozen=True)
class Query:
    """What a listing asks for; the date borders are exclusive, as WooCommerce has them."""

    orderby: str
    descending: bool
    after: int | None = None
    before: int | None = None
    modified_after: int | None = None
    modified_before: int | None = None
    statuses: tuple[str, ...] = ()
    customer: int | None = None
    email: str | None = None
    include: tuple[int, ...] = ()
    exclude: tuple[int, ...] = ()


class DocumentStore:
    """Documents by position; pass `keys` where making every document would be slow."""

    def __init__(self, documents: Sequence[Document], keys: Keys | None = None) -> None:
        self._stored = documents
        self._added: list[Document] = []
        self._keys = keys_of(documents) if keys is None else keys
        self._present: Mask = np.ones(len(self._keys.ids), dtype=np.bool_)
        self._selections: dict[tuple[Query, int], Integers] = {}

    def __len__(self) -> int:
        """Count the documents that are present."""
        return int(self._present.sum())

    def document(self, position: int) -> Document:
        """Make the document at a position of a selection."""
        stored = len(self._stored)
        return self._stored[position] if position < stored else self._added[position - stored]

    def find(self, key: int, horizon: int) -> Document | None:
        """Return the document with this id if it exists at the horizon."""
        positions = np.flatnonzero((self._keys.ids == key) & self._present & (self._keys.created <= horizon))
        return self.document(int(positions[0])) if len(positions) else None

    def put(self, document: Document) -> None:
        """Add a document, or replace the one with its id."""
        self.remove(document["id"])
        self._added.append(document)
        new = keys_of([document])
        joined = {f.name: np.append(getattr(self._keys, f.name), getattr(new, f.name)) for f in fields(Keys)}
        self._keys = replace(self._keys, **joined)
        self._present = np.append(self._present, True)
        self._selections.clear()

    def remove(self, key: int) -> None:
        """Let a document vanish, without a trace, as a deletion in the shop does."""
        self._present = self._present & (self._keys.ids != key)
        self._selections.clear()

    def select(self, query: Query, horizon: int) -> Integers:
        """Return the positions of all matching documents in the asked order."""
        asked = (query, horizon)
        if asked not in self._selections:
            if len(self._selections) >= KEPT_SELECTIONS:
                self._selections.clear()
            self._selections[asked] = self._sorted(np.flatnonzero(self._matches(query, horizon)), query)
        return self._selections[asked]

    def _matches(self, query: Query, horizon: int) -> Mask:
        keys = self._keys
        mask: Mask = self._present & (keys.created <= horizon)
        for column, after, before in (
            (keys.created, query.after, query.before),
            (keys.modified, query.modified_after, query.modified_before),
        ):
            mask = mask if after is None else mask & (column > after)
            mask = mask if before is None else mask & (column < before)
        mask = mask & np.isin(keys.statuses, query.statuses) if query.statuses else mask & (keys.statuses != "trash")
        mask = mask if query.customer is None else mask & (keys.customers == query.customer)
        mask = mask & np.isin(keys.ids, query.include) if query.include else mask
        mask = mask & ~np.isin(keys.ids, query.exclude) if query.exclude else mask
        return mask if query.email is None else mask & self._has_email(query.email, mask)

    def _has_email(self, email: str, mask: Mask) -> Mask:
        matches = np.zeros_like(mask)
        for position in np.flatnonzero(mask):
            matches[position] = str(self.document(int(position)).get("email")).lower() == email.lower()
        return matches

    def _sorted(self, positions: Integers, query: Query) -> Integers:
        ids = self._keys.ids[positions]
        if query.orderby == "include":
            rank = {key: place for place, key in enumerate(query.include)}
            return positions[np.argsort([rank[int(key)] for key in ids], kind="stable")]
        ascending = positions[np.lexsort((ids, self._sort_column(positions, query.orderby)))]
        return ascending[::-1] if query.descending else ascending

    def _sort_column(self, positions: Integers, orderby: str) -> npt.NDArray[Any]:
        match orderby:
            case "id":
                return self._keys.ids[positions]
            case "modified":
                return self._keys.modified[positions]
            case "name" | "title" | "slug":
                return np.array([title(self.document(int(position))) for position in positions], dtype=np.str_)
            case _:
                return self._keys.created[positions]


def keys_of(documents: Sequence[Document]) -> Keys:
    """Read the keys out of WooCommerce documents."""
    return Keys(
        ids=_integers([document["id"] for document in documents]),
        created=_integers([_epoch(document, "date_created_gmt") for document in documents]),
        modified=_integers([_epoch(document, "date_modified_gmt", "date_created_gmt") for document in documents]),
        customers=_integers([document.get("customer_id") or 0 for document in documents]),
        statuses=np.array([document.get("status", "") for document in documents], dtype="U32"),
    )


def title(document: Document) -> str:
    """Return the name that listings by name or title sort on."""
    return str(document.get("name") or document.get("username") or document.get("number") or "").lower()


def _integers(values: list[int]) -> Integers:
    return np.array(values, dtype=np.int64)


def _epoch(document: Document, *names: str) -> int:
    text = next((document[name] for name in names if document.get(name)), None)
    return 0 if text is None else int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())
