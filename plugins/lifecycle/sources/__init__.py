"""Shops and e-mail providers to read: a module each, which declares a ``SourceKind``; the rest is generic.

A ``StreamSpec`` is what is known of a stream at once, a ``Stream`` is one that can be read.
"""

import contextlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Self

from lifecycle import connectors
from lifecycle.errors import AnswerUnreadable, LifecycleError
from lifecycle.settings import Connection, Esp, Shop

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

    ``version`` changes when its contents change, or the way we read them; it is then read again.
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

    @classmethod
    def of(cls, spec: "StreamSpec", changed_at: Callable[[Document], datetime | None], **more: Any) -> Self:
        """The stream that a spec tells of; ``more`` is what else a ``Stream`` has."""
        return cls(spec.name, spec.key, changed_at, right=spec.right, **more)


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


def moment(value: object) -> datetime | None:
    """A moment in ISO's format as UTC, which it is in where it doesn't say so; ``None`` for anything else."""
    try:
        read = datetime.fromisoformat(value) if isinstance(value, str) else None
        return read.replace(tzinfo=read.tzinfo or UTC).astimezone(UTC) if read else None
    except (ValueError, OverflowError):
        return None


def key_of(*names: str) -> Callable[[Document], str]:
    """A stream's key out of the fields that make it."""
    return lambda document: identity(document, *names)


def _always(_: Any) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class StreamSpec:
    """What is known of a stream before anybody signs in.

    ``key`` and ``right`` are as in ``Stream``. ``page_size`` is how many documents one answer holds, where we choose.
    ``is_read`` tells from what the marketer's file says of a shop or provider whether it gives the stream: what the
    vendor lacks or the marketer has switched off is not missed. ``ordered_at`` names the field of an order that says
    when it was made. ``suppressed`` names the field with the address of somebody who must not be contacted.
    """

    name: str
    key: Callable[[Document], str]
    right: str = ""
    page_size: int = 1000
    is_read: Callable[[Any], bool] = _always
    ordered_at: str | None = None
    suppressed: str | None = None


@dataclass(frozen=True, slots=True)
class SourceKind:
    """A kind of shop or provider to read: its module declares one, as ``SOURCE``.

    ``settings`` is what the marketer's file may say of one, a subclass of ``Shop`` or ``Esp``. ``connect`` signs in to
    one and returns its streams; it receives the specs of those that are read, by name, and imports what it needs
    itself: the marketer's file must be quick to read.
    """

    kind: str
    settings: type[Shop | Esp]
    streams: tuple[StreamSpec, ...]
    connect: Callable[[Any, Connection, date, Mapping[str, StreamSpec]], Iterable[Stream]]

    def spec(self, stream: str) -> StreamSpec:
        """What is known of a stream; raises ``KeyError``."""
        return {each.name: each for each in self.streams}[stream]

    def read(self, config: Shop | Esp) -> dict[str, StreamSpec]:
        """Name → spec of every stream that a shop or provider is read for."""
        return {each.name: each for each in self.streams if each.is_read(config)}

    def suppressions(self, config: Shop | Esp) -> dict[str, StreamSpec]:
        """The streams without which nobody knows whom not to contact."""
        return {name: each for name, each in self.read(config).items() if each.suppressed}

    def open(self, config: Shop | Esp, connection: Connection, run_date: date) -> list[Stream]:
        """The streams of one shop or provider, ready to be read."""
        return list(self.connect(config, connection, run_date, self.read(config)))


def source_kind(kind: str) -> SourceKind:
    """The declaration of a kind; raises ``SettingsInvalid`` if there is none."""
    declared: SourceKind = connectors.load("sources", kind)
    return declared


def document_streams() -> list[tuple[str, str]]:
    """(kind, stream) of every kind that is known: each has a table of documents in ``raw``."""
    kinds = map(source_kind, connectors.kinds("sources"))
    return [(source.kind, spec.name) for source in kinds for spec in source.streams]
