"""E-mail providers to write: one file each, with one function ``connect`` that returns a ``Destination``."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

Contact = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a job; ``rejected`` holds (address, the provider's message) of each refused row."""

    status: Literal["pending", "completed", "failed", "unknown"]
    rejected: Sequence[tuple[str, str]] = ()
    rejected_count: int = 0


class Destination(Protocol):
    """What a provider can do; any call may raise ``RetryLater``, ``AccessDenied`` or ``AnswerUnreadable``."""

    @property
    def name(self) -> str:
        """The destination's name in ``delivery``."""

    @property
    def most_contacts(self) -> int:
        """How many contacts one request takes."""

    @property
    def most_bytes(self) -> int:
        """How many bytes one request takes."""

    def contact(self, email: str, fields: Mapping[str, Any]) -> Contact:
        """One contact as the provider wants it; a field that is ``None`` is emptied there."""

    def upsert(self, contacts: Sequence[Contact], lists: Iterable[str]) -> str:
        """Write contacts, add them to lists, and return the provider's job; raises ``RowRejected``."""

    def remove(self, list_name: str, emails: Sequence[str]) -> str | None:
        """Take at most 100 addresses off a list; return the provider's job, ``None`` if nobody was on it."""

    def members_among(self, list_name: str, emails: Sequence[str]) -> set[str]:
        """Those of at most 100 addresses that are on a list."""

    def outcome(self, job: str) -> Outcome:
        """What became of a job."""

    def members(self, list_name: str) -> Iterator[str]:
        """Every address on a list, as the provider holds it."""
