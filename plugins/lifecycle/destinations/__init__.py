"""E-mail providers to write: one file each, with two functions.

``connect`` returns a ``Destination``; ``missing_rights`` names what a connection may not do, and changes nothing.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a job; ``rejected`` holds (address, the provider's message) of each refused row."""

    status: Literal["pending", "completed", "failed", "unknown"]
    rejected: Sequence[tuple[str, str]] = ()
    rejected_count: int = 0


@dataclass(frozen=True, slots=True)
class Held:
    """A contact as the provider holds it: its id there, its address in lower case, and the fields we know by name."""

    contact_id: str
    email: str
    fields: Mapping[str, Any]


class Destination(Protocol):
    """What a provider can do; any call may raise ``RetryLater``, ``AccessDenied`` or ``AnswerUnreadable``.

    None of them may lift a suppression, delete a contact, or take anybody off a list but those named.
    """

    @property
    def name(self) -> str:
        """The destination's name in ``delivery``."""

    @property
    def most_contacts(self) -> int:
        """How many contacts one request takes."""

    @property
    def most_bytes(self) -> int:
        """How many bytes one request takes."""

    @property
    def most_removals(self) -> int:
        """How many addresses can leave a list in one request."""

    @property
    def in_flight(self) -> int:
        """How many writing requests may be on their way at once."""

    @property
    def longest_pause(self) -> float:
        """After how many seconds at most a job is asked about again."""

    def encoded(self, email: str, fields: Mapping[str, Any]) -> bytes:
        """One contact as the provider wants it, in JSON; a field that is ``None`` is emptied there."""

    def upsert(self, contacts: Sequence[bytes], lists: Iterable[str]) -> str:
        """Write contacts, add them to lists, and return the provider's job; raises ``RowRejected``.

        It makes one request: whoever asks must note each one, because one without an answer may be carried out.
        """

    def remove(self, list_name: str, emails: Sequence[str]) -> str | None:
        """Take at most ``most_removals`` addresses off a list; the provider's job, ``None`` if it is done already."""

    def members_among(self, list_name: str, emails: Sequence[str]) -> set[str]:
        """Those of at most ``most_removals`` addresses that are on a list."""

    def outcome(self, job: str) -> Outcome:
        """What became of a job."""

    def contacts(self, list_name: str) -> Iterator[Held]:
        """Every contact on a list; nobody if the list is not there."""
