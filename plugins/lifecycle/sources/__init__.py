"""Shops and e-mail providers to read: one file each, which declares its streams; the rest is generic.

A source file has one function, ``streams(about, connection, run_date)``, which returns its ``Stream``s.
"""

import contextlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from lifecycle.errors import AnswerUnreadable, LifecycleError

Document = dict[str, Any]
#: What a text in PostgreSQL can't hold: a NUL, and half of a surrogate pair.
UNWRITABLE = re.compile("[\0\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that does not fit: where it stands and why. ``reason`` quotes no value, ``row`` is the row as it is."""

    file: str
    line: int
    reason: str
    row: str


class Page(list[Document]):
    """Documents that came together, with the rows among them that don't fit.

    ``total`` is how many documents the reading will give in all, where the source tells.
    """

    def __init__(
        self, documents: Iterable[Document] = (), total: int | None = None, rejects: Sequence[Reject] = ()
    ) -> None:
        super().__init__(documents)
        self.total = total
        self.rejects = rejects


#: What a reading gives; a plain list is a page, too.
Pages = Iterator[list[Document]]


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a stream that is read once, such as a file.

    ``version`` changes when its contents change, or the way we read them; it is then read anew.
    """

    name: str
    version: str
    pages: Callable[[], Pages]


@dataclass(frozen=True, slots=True)
class Stream:
    """One kind of document of a source, which is read by ``pages`` or by ``parts``.

    ``key`` gives a document's id within the source, ``changed_at`` when it last changed (UTC), ``pages``
    reads what changed since a moment (``None``: everything). ``overlap`` is read again each time, because
    the other side may date a change late. ``parts`` are read once each.

    ``listing`` reads every document that is there now, or of each only what ``key`` needs: what is missing there has
    vanished. Documents of a stream without one never vanish. ``right`` is what the credential must be allowed, in the
    vendor's words, and ``probe`` the cheapest call that needs it (else the first page of what changed just now).
    """

    name: str
    key: Callable[[Document], str]
    changed_at: Callable[[Document], datetime | None]
    pages: Callable[[datetime | None], Pages] | None = None
    overlap: timedelta = timedelta(0)
    parts: Callable[[], Iterable[Part]] | None = None
    listing: Callable[[], Pages] | None = None
    right: str = ""
    probe: Callable[[], object] | None = None


@contextlib.contextmanager
def reading(place: str) -> Iterator[None]:
    """Name the place in what goes wrong while an answer is read.

    An answer of another shape than its contract's becomes ``AnswerUnreadable``, which does not quote it.
    """
    try:
        yield
    except LifecycleError as error:
        error.args = (f"{place}: {error}", *error.args[1:])
        raise
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        message = f"{place}: the answer is not what its contract says ({type(error).__name__})"
        raise AnswerUnreadable(message).with_traceback(error.__traceback__) from None


def document_key(stream: Stream, document: Document) -> str:
    """A document's id within its source, as the warehouse can hold it; raises ``AnswerUnreadable`` if it has none."""
    try:
        return UNWRITABLE.sub("\ufffd", stream.key(document))
    except (KeyError, TypeError, AttributeError) as error:
        message = f"a document has no key ({error})"
        raise AnswerUnreadable(message) from None


def identity(document: Document, *names: str) -> str:
    """A document's id out of the fields that make it; raises ``KeyError`` for one that is missing or null."""
    missing = [name for name in names if document.get(name) is None]
    if missing:
        raise KeyError(*missing)
    return "/".join(str(document[name]) for name in names)


def moment(stated: object) -> datetime | None:
    """A moment in ISO's format as UTC, which it is in where it doesn't say so; ``None`` for anything else."""
    try:
        read = datetime.fromisoformat(stated) if isinstance(stated, str) else None
        return read.replace(tzinfo=read.tzinfo or UTC).astimezone(UTC) if read else None
    except (ValueError, OverflowError):
        return None


#: kind → its streams, known without a connection.
STREAMS: Mapping[str, tuple[str, ...]] = {
    "woocommerce": ("orders", "customers", "products"),
    "shopify": ("orders", "customers", "products", "companies"),
    "shopware": ("orders", "customers", "products", "newsletter_recipients", "state_history"),
    "files": ("orders", "customers"),
    "sql": ("orders", "customers"),
    "sendgrid": (
        "contacts",
        "list_members",
        "bounces",
        "blocks",
        "spam_reports",
        "unsubscribes",
        "invalid_emails",
        "group_suppressions",
        "messages",
        "events",
        "single_sends",
        "single_send_stats",
        "automation_stats",
        "unsubscribe_groups",
    ),
}
#: kind of shop → the field of an order's document that says when it was made.
ORDERED_AT: Mapping[str, str] = {
    "woocommerce": "date_created_gmt",
    "shopify": "processedAt",
    "shopware": "orderDateTime",
    "files": "ordered_at",
    "sql": "ordered_at",
}
