"""E-mail providers and other channels to write: a module each, which declares a ``DestinationKind``.

What a destination can do is a protocol of its own, and a module asks for the one that it needs::

    Destination           has a name
    ├── Upserts           takes contacts, and tells what became of them
    ├── Removes           takes people off a list
    ├── ListsMembers      tells who is on a list, and what it holds of them
    ├── CountsMembers     tells only how many are on a list
    ├── DescribesAccount  tells whose account it is, and which lists and fields it has
    ├── FindsContacts     tells which addresses have a contact
    └── ListsSuppressions tells who must not be written to since a moment

Whoever can't take people off a list can't be sent a plan in which somebody leaves one. Whoever can't list members is
compared by counts, or not at all.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol, runtime_checkable

from lifecycle import connectors
from lifecycle.settings import Connection, Esp, FieldType
from lifecycle.settings import Destination as Settings


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a job; ``rejected`` holds (address, the provider's message) of each refused row that is named.

    A row that is refused for no fault of its own is counted in ``rejected_count`` and not named: it is sent again.
    """

    status: Literal["pending", "completed", "failed", "unknown"]
    rejected: Sequence[tuple[str, str]] = ()
    rejected_count: int = 0


@dataclass(frozen=True, slots=True)
class RemoteContact:
    """A contact as the provider holds it: its id there, its address in its one form, and its fields by our names."""

    contact_id: str
    email: str
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RemoteList:
    """A list as the provider holds it; ``count`` is how many are on it, where it says so."""

    id: str
    name: str
    count: int | None


@dataclass(frozen=True, slots=True)
class Account:
    """What an account is known by: a digest, ``None`` where it can't be read; its lists; field → id, in lower case."""

    identity: str | None
    lists: Sequence[RemoteList]
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Removal:
    """A request to take people off a list: the provider's job, ``None`` if it is done already.

    ``not_found`` are addresses, in their one form, of which the provider can't say whether they are on the list.
    """

    job: str | None
    not_found: frozenset[str] = field(default_factory=frozenset)


@runtime_checkable
class Destination(Protocol):
    """What every provider is; any call may raise ``RetryLater``, ``AccessDenied`` or ``AnswerUnreadable``.

    None of them may lift a suppression, delete a contact, or take anybody off a list but those named.
    """

    @property
    def name(self) -> str:
        """The destination's name in ``delivery``."""


@runtime_checkable
class Upserts(Destination, Protocol):
    """Writes contacts, adds them to lists, and tells later what became of them."""

    @property
    def list_ids(self) -> Mapping[str, str]:
        """Name → id there of every list that is known."""

    @property
    def field_ids(self) -> Mapping[str, str]:
        """Name in lower case → id there of every field that is known."""

    @property
    def max_batch_size(self) -> int:
        """How many contacts one request takes."""

    @property
    def max_batch_bytes(self) -> int:
        """How many bytes one request takes."""

    @property
    def max_concurrency(self) -> int:
        """How many writing requests may be on their way at once."""

    @property
    def max_poll_seconds(self) -> float:
        """After how many seconds at most a job is asked about again."""

    def encoded(self, email: str, fields: Mapping[str, Any]) -> bytes:
        """One contact as the provider wants it, in JSON; a field that is ``None`` is emptied there.

        Values are written in the type that the provider's field has; one that the type can't say is left out.
        """

    def upsert(self, contacts: Sequence[bytes], lists: Iterable[str]) -> str:
        """Write contacts, add them to lists, and return the provider's job.

        Raises ``RowRejected``, with no reasons if rows are refused and none is named, and ``AccountRefused`` for a
        reason of the account. It makes one request: whoever asks must note each one, because one without an answer may
        be carried out.
        """

    def outcome(self, job: str) -> Outcome:
        """What became of a job."""

    def blames_account(self, reason: str) -> bool:
        """Whether the provider's words about a row speak of the account: its limit, plan, rights or IP addresses."""


@runtime_checkable
class Removes(Destination, Protocol):
    """Takes people off lists."""

    @property
    def max_removals(self) -> int:
        """How many addresses can leave a list in one request."""

    def remove(self, list_name: str, emails: Sequence[str]) -> Removal:
        """Take at most ``max_removals`` addresses off a list; nobody is on a list that is not there."""

    def remove_by_id(self, list_name: str, contact_ids: Sequence[str]) -> str | None:
        """As ``remove``, for contacts whose ids a read-back has shown; the provider's job, ``None`` if it is done."""


@runtime_checkable
class ListsMembers(Destination, Protocol):
    """Can be read back, person by person."""

    def members_among(self, list_name: str, emails: Sequence[str]) -> set[str]:
        """Those of as many addresses as one removal takes that are on a list."""

    def contacts(self, list_name: str) -> Iterator[RemoteContact]:
        """Every contact on a list, with the fields that say something; nobody if the list is not there."""


@runtime_checkable
class CountsMembers(Destination, Protocol):
    """Can be read back by counts alone."""

    def member_count(self, list_name: str) -> int:
        """How many are on a list; none if the list is not there."""


@runtime_checkable
class DescribesAccount(Destination, Protocol):
    """Can tell whose account it is."""

    def account(self) -> Account:
        """The account as it is now; nothing is changed."""


@runtime_checkable
class ListsSuppressions(Destination, Protocol):
    """Can tell who must not be written to any more."""

    def suppressed_since(self, moment: datetime) -> Iterator[str]:
        """Who was suppressed, unsubscribed or blocked since a moment, by the address's one form; some repeat."""


@runtime_checkable
class FindsContacts(Destination, Protocol):
    """Can tell which contacts there are."""

    def existing(self, emails: Sequence[str]) -> set[str]:
        """Those of as many addresses as one removal takes that may have a contact, in their one form."""


class Connect(Protocol):
    """Signs in, and makes the lists and fields that are not there yet; with none, nothing is written.

    ``known_lists`` is the name → id of lists that were filled before: where that id is still there, it is the list,
    whatever its name is by now. Raises ``SettingsInvalid`` if a field of that name has another type there, and
    ``AccountRefused`` if the account takes no more of them.
    """

    def __call__(
        self,
        config: Settings | Esp,
        connection: Connection,
        /,
        lists: Iterable[str] = (),
        fields: Mapping[str, FieldType] | None = None,
        known_lists: Mapping[str, str] | None = None,
    ) -> Destination:
        """The destination, ready to be written."""


@dataclass(frozen=True, slots=True)
class DestinationKind:
    """A kind of destination: its module declares one, as ``DESTINATION``.

    ``settings`` is what the marketer's file may say of one. ``can`` is the protocols that its destinations have.
    ``missing_rights`` names what a connection may not do, and changes nothing. Both functions import what they need
    themselves: the marketer's file must be quick to read.
    """

    kind: str
    settings: type[Settings]
    can: frozenset[type]
    connect: Connect
    missing_rights: Callable[[Settings | Esp, Connection], list[str]]


def destination_kind(kind: str) -> DestinationKind:
    """The declaration of a kind; raises ``SettingsInvalid`` if there is none."""
    declared: DestinationKind = connectors.load("destinations", kind)
    return declared
