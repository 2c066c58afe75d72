"""Shops and e-mail providers to read: one file each, which declares its streams; the rest is generic.

A source file has one function, ``streams(about, connection, run_date)``, which returns its ``Stream``s.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

Document = dict[str, Any]
Page = list[Document]


@dataclass(frozen=True, slots=True)
class Stream:
    """One kind of document of a source.

    ``key`` gives a document's id within the source, ``changed_at`` when it last changed (UTC), ``pages``
    reads what changed since a moment (``None``: everything). ``overlap`` is read again each time, because
    the other side may date a change late.
    """

    name: str
    key: Callable[[Document], str]
    changed_at: Callable[[Document], datetime | None]
    pages: Callable[[datetime | None], Iterator[Page]]
    overlap: timedelta = timedelta(0)


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
    ),
}
