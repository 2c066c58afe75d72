"""The providers that the contract is tried on: their demo servers, and what is each one's own way."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType, ModuleType
from typing import Any, Protocol

import orjson
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from demo.brevo import Brevo
from demo.esp import Esp, Pace
from lifecycle.destinations import ListsMembers, Outcome, Removes, Upserts
from lifecycle.destinations.brevo import writer as brevo
from lifecycle.destinations.sendgrid import writer as sendgrid
from lifecycle.settings import FieldType

LISTS = ("VIP", "Lapsed")
FIELDS: dict[str, FieldType] = {
    "lifecycle_stage": "Text",
    "lifecycle_orders": "Number",
    "lifecycle_since": "Date",
}
ADA, BEN, EVE = "ada@example.com", "ben@example.com", "eve@example.com"
EVERYTHING = MappingProxyType({"lifecycle_stage": "new", "lifecycle_orders": 12.5, "lifecycle_since": "2017-12-30"})
ONE_POLL = Pace(polls=1, seconds=None)


class EmailProvider(Upserts, Removes, ListsMembers, Protocol):
    """What each of them can do."""


class Connect(Protocol):
    """Signs in to the provider under test."""

    def __call__(
        self, lists: Iterable[str] = LISTS, fields: Mapping[str, FieldType] = FIELDS, key: str | None = None
    ) -> EmailProvider: ...


@dataclass(frozen=True)
class Ways:
    """What is the provider's own way; ``calls`` has, for each action, the method and path of its first request."""

    module: ModuleType
    start: Callable[[], Any]
    key: str
    read_only_key: str
    calls: Mapping[str, tuple[str, str]]
    creations: tuple[str, ...]
    other_type: str
    removal_is_a_job: bool
    unknown_job: str
    refused_late: Mapping[str, Any]
    refused_address: str
    own_lists: frozenset[str]
    contacts_in: Callable[[Mapping[str, Any]], int]
    fields_of: Callable[[Mapping[str, Any]], Mapping[str, Any]]
    delete_list: Callable[[Any, str], object]
    suppress: Callable[[Any, str], object]
    is_suppressed: Callable[[Any, str], bool]


SENDGRID = Ways(
    module=sendgrid,
    start=lambda: Esp(pace=ONE_POLL),
    key="SG.demo",
    read_only_key="SG.demo-read-only",
    calls={
        "upsert": ("PUT", "/v3/marketing/contacts$"),
        "remove": ("DELETE", "/contacts$"),
        "members_among": ("POST", "/search/emails$"),
        "outcome": ("GET", "/imports/"),
        "contacts": ("POST", "/exports$"),
    },
    creations=("/lists$", "/field_definitions$"),
    other_type="lifecycle_orders is Text at SendGrid, not Number",
    removal_is_a_job=True,
    unknown_job="00000000-0000-0000-0000-000000000000",
    refused_late={"lifecycle_orders": "many"},
    refused_address="ada@example.com",
    own_lists=frozenset(),
    contacts_in=lambda job: int(job["results"]["requested_count"]),
    fields_of=lambda contact: contact["custom_fields"],
    delete_list=lambda esp, name: esp.store.run("delete from list where name = ?", (name,)),
    suppress=lambda esp, email: esp.suppress("unsubscribes", email, datetime(2017, 12, 1, tzinfo=UTC)),
    is_suppressed=lambda esp, email: bool(esp.store.rows("select 1 from suppression where email = ?", (email,))),
)
BREVO = Ways(
    module=brevo,
    start=lambda: Brevo(pace=ONE_POLL),
    key="xkeysib-demo",
    read_only_key="xkeysib-demo-read-only",
    calls={
        "upsert": ("POST", "/v3/contacts/import$"),
        "remove": ("POST", "/contacts/remove$"),
        "members_among": ("GET", r"/lists/\d+/contacts$"),
        "outcome": ("GET", "/v3/processes/"),
        "contacts": ("GET", r"/lists/\d+/contacts$"),
    },
    creations=("/folders$", "/lists$", "/attributes/"),
    other_type="LIFECYCLE_ORDERS is text at Brevo, not float",
    removal_is_a_job=False,
    unknown_job="999999",
    refused_late={},
    refused_address="ada@nowhere",
    own_lists=frozenset({brevo.UNLISTED}),
    contacts_in=lambda job: int(job["count"]),
    fields_of=lambda contact: contact["attributes"],
    delete_list=lambda server, name: server.account.lists.pop(server.lists()[name]),
    suppress=lambda server, email: server.block(email),
    is_suppressed=lambda server, email: bool(server.contacts()[email]["emailBlacklisted"]),
)
PROVIDERS = {"sendgrid": SENDGRID, "brevo": BREVO}


@dataclass(frozen=True)
class Provider:
    """A provider under test: its server's state and faults, how to sign in, and what was sent to it."""

    ways: Ways
    server: Any
    connect: Connect
    wire: "Wire"
    set_timeout: Callable[[float], None]

    def lists(self) -> set[str]:
        return set(self.server.lists()) - self.ways.own_lists

    def fields(self, email: str) -> dict[str, Any]:
        """What the provider holds, by lower-case names, a date as its day."""
        given = self.ways.fields_of(self.server.contacts()[email])
        days = {name for name, kind in FIELDS.items() if kind == "Date"}
        return {
            name.lower(): value[:10] if name.lower() in days else value for name, value in given.items() if value != ""
        }

    def calls(self, action: str) -> int:
        """How many requests an action has made."""
        method, path = self.ways.calls[action]
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
    assert destination.outcome(job).status == "pending"
    return destination.outcome(job)


def remove(provider: Provider, destination: EmailProvider, list_name: str, *emails: str) -> None:
    """Take people off a list, to the end."""
    job = destination.remove(list_name, emails)
    assert (job is not None) == provider.ways.removal_is_a_job
    assert job is None or finished(destination, job).status == "completed"
