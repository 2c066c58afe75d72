"""A provider on a small server, behind a wire that keeps what is sent: the contract of destinations is tried on it."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType, ModuleType
from typing import Any, Protocol

import orjson
import pytest
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lifecycle import web
from lifecycle.destinations import ListsMembers, Outcome, Removes, Upserts, values
from lifecycle.settings import Connection, FieldType
from lifecycle.testing.server import AppHost

LISTS = ("VIP", "Lapsed")
FIELDS: dict[str, FieldType] = {
    "lifecycle_stage": "Text",
    "lifecycle_orders": "Number",
    "lifecycle_since": "Date",
}
ADA, BEN, EVE = "ada@example.com", "ben@example.com", "eve@example.com"
EVERYTHING = MappingProxyType({"lifecycle_stage": "new", "lifecycle_orders": 12.5, "lifecycle_since": "2017-12-30"})


class EmailProvider(Upserts, Removes, ListsMembers, Protocol):
    """What each of them can do."""


class Connect(Protocol):
    """Signs in to the provider under test."""

    def __call__(
        self,
        lists: Iterable[str] = LISTS,
        fields: Mapping[str, FieldType] = FIELDS,
        key: str | None = None,
        known_lists: Mapping[str, str] = MappingProxyType({}),
    ) -> EmailProvider: ...


@dataclass(frozen=True)
class ProviderCase:
    """What is the provider's own.

    ``module`` has ``connect``. ``start`` makes the server, whose jobs are done when they are asked
    about for the second time. ``calls`` has, for each action, the method and path of its first request.
    ``greeting_of`` gives a contact's ``first_name``, ``last_name``, ``country`` and ``language``. ``account_reason`` is
    what the provider says of a full account, and ``refusal_of`` the body of a 400 that says something.
    """

    module: ModuleType
    start: Callable[[], Any]
    key: str
    read_only_key: str
    calls: Mapping[str, tuple[str, str]]
    creations: tuple[str, ...]
    other_type: str
    removal_is_a_job: bool
    unknown_job: str
    own_lists: frozenset[str]
    contacts_in: Callable[[Mapping[str, Any]], int]
    fields_of: Callable[[Mapping[str, Any]], Mapping[str, Any]]
    greeting_of: Callable[[Mapping[str, Any]], Mapping[str, Any]]
    account_reason: str
    refusal_of: Callable[[str], object]
    delete_list: Callable[[Any, str], object]
    rename_list: Callable[[Any, str, str], object]
    suppress: Callable[[Any, str], object]
    is_suppressed: Callable[[Any, str], bool]


@dataclass(frozen=True)
class Provider:
    """A provider under test: its server's state and faults, how to sign in, and what was sent to it."""

    case: ProviderCase
    server: Any
    connect: Connect
    wire: "Wire"
    set_timeout: Callable[[float], None]

    def lists(self) -> set[str]:
        return set(self.server.lists()) - self.case.own_lists

    def fields(self, email: str) -> dict[str, Any]:
        """What the provider holds, by lower-case names, a date as its day; what empties a field is left out."""
        there = self.case.fields_of(self.server.contacts()[email])
        days = {name for name, kind in FIELDS.items() if kind == "Date"}
        return values.without_empty(
            {name.lower(): value[:10] if name.lower() in days else value for name, value in there.items()}
        )

    def calls(self, action: str) -> int:
        """How many requests an action has made."""
        method, path = self.case.calls[action]
        return len([call for call in self.wire.calls if call[0] == method and re.search(path, call[1])])


@dataclass
class Wire:
    """Stands before a server: keeps what is sent, and gives an answer of the test's own where one is set."""

    app: ASGIApp
    calls: list[tuple[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    answers: list[tuple[str, str, object]] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def kept() -> Message:
            message = await receive()
            self.bodies.append(message.get("body", b""))
            return message

        self.calls.append((scope["method"], scope["path"]))
        for method, path, body in self.answers:
            if method == scope["method"] and re.search(path, scope["path"]):
                await Response(orjson.dumps(body), 200, media_type="application/json")(scope, kept, send)
                return
        await self.app(scope, kept, send)


def write(destination: EmailProvider, people: Mapping[str, Mapping[str, Any]], *lists: str) -> Outcome:
    """Upsert people with their fields, and ask until the job has its outcome."""
    contacts = [destination.encoded(email, fields) for email, fields in people.items()]
    return finished(destination, destination.upsert(contacts, lists))


def finished(destination: EmailProvider, job: str) -> Outcome:
    """What became of a job, which is pending at first."""
    assert destination.outcome(job).status == "pending"
    return destination.outcome(job)


def remove(provider: Provider, destination: EmailProvider, list_name: str, *emails: str) -> None:
    """Take people off a list, to the end."""
    job = destination.remove(list_name, emails).job
    assert (job is not None) == provider.case.removal_is_a_job
    assert job is None or finished(destination, job).status == "completed"


def provider_at(host: AppHost, case: ProviderCase, monkeypatch: pytest.MonkeyPatch) -> Provider:
    """A provider whose server is new; nothing waits before it tries again."""
    monkeypatch.setattr(web, "_backoff", lambda _: 0.0)
    server = case.start()
    host.app = wire = Wire(server.app)

    def connect(
        lists: Iterable[str] = LISTS,
        fields: Mapping[str, FieldType] = FIELDS,
        key: str | None = None,
        known_lists: Mapping[str, str] = MappingProxyType({}),
    ) -> EmailProvider:
        connection = Connection("esp", host=host.address, password=key or case.key)
        destination: EmailProvider = case.module.connect(connection, lists, fields, known_lists)
        return destination

    def set_timeout(seconds: float) -> None:
        monkeypatch.setattr(case.module, "TIMEOUT", seconds, raising=False)
        monkeypatch.setattr(web, "TIMEOUT", seconds)

    return Provider(case, server, connect, wire, set_timeout)
