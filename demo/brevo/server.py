"""The Brevo account as one object: its server, and Python access to what it holds."""

import pickle
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from demo.brevo.account import Account
from demo.brevo.answers import Refusal, refusal_body, routes
from demo.brevo.rules import Rules, limited
from demo.esp import Pace
from demo.esp.accounts import by_key
from lifecycle.testing.clock import Clock
from lifecycle.testing.faults import FAULT, Faults, controlled

#: What the API says, with 401, as quoted by many who met it; help.brevo.com, "Authorize IP addresses".
IP_NOT_ALLOWED = (
    "We have detected you are using an unrecognised IP address 203.0.113.9. If you performed this action make sure to"
    " add the new IP address in this link: https://app.brevo.com/security/authorised_ips"
)
STATE = ("folders", "lists", "attributes", "contacts", "processes", "files", "last_id")
KINDS = {"Text": "text", "Number": "float", "Date": "date"}


class Brevo:
    """One account: `brevo.app` is the server; state, clock and faults can be changed while it runs."""

    def __init__(
        self,
        *,
        key: str = "xkeysib-demo",
        read_only_key: str = "xkeysib-demo-read-only",
        now: datetime | None = None,
        pace: Pace | None = None,
        rules: Rules | None = None,
        user_id: int = 1,
    ) -> None:
        self.clock = Clock(now)
        self.faults = Faults()
        self.rules = rules or Rules()
        self.keys = {key: True, read_only_key: False}
        self.accounts: list[tuple[Callable[[str], bool], ASGIApp]] = []
        self.account = Account(self.clock, pace or Pace(), self.rules, user_id)
        server = Starlette(routes=routes(self.account), exception_handlers={Refusal: _refuse})
        authorized_server = _authorized(limited(server, self.rules), self.keys)
        own = _named_as_brevo_does(controlled(authorized_server, self.faults, self.clock, refusal_body))
        self.app = by_key(self.accounts, own, "api-key")

    def add_account(self, key: str, **options: Any) -> "Brevo":
        """Make another account behind the same address, which another key opens; it has a state of its own."""
        named = {"read_only_key": f"{key}-read-only", "user_id": len(self.accounts) + 2}
        other = Brevo(key=key, **{"pace": self.account.pace, **named, **options})
        other.account.last_id = 1_000 * (len(self.accounts) + 1)
        self.accounts.append((other.knows, other.app))
        return other

    def knows(self, name: str) -> bool:
        """Say whether this is one of the account's keys, or of its files."""
        return name in self.keys or name in self.account.files

    def add_list(self, name: str) -> int:
        """Create a list and return its id; one that exists keeps its id."""
        return self.lists().get(name) or self.account.add_list(name)

    def add_field(self, name: str, field_type: str) -> str:
        """Create an attribute (`Text`, `Number` or `Date`) and return its name."""
        self.account.attributes[name] = KINDS[field_type]
        return name

    def add_contact(self, email: str, *, lists: Iterable[str] = (), **attributes: Any) -> None:
        """Put in a contact, on the named lists."""
        contact = self.account.contact(email)
        contact.list_ids |= {self.add_list(name) for name in lists}
        contact.attributes |= attributes

    def rename_list(self, name: str, new_name: str) -> None:
        """Rename a list, as somebody can in the provider's page."""
        number = self.lists()[name]
        self.account.lists[number] = (new_name, self.account.lists[number][1])

    def delete_list(self, name: str) -> None:
        """Delete a list; its contacts stay."""
        number = self.lists()[name]
        del self.account.lists[number]
        for contact in self.account.contacts.values():
            contact.list_ids.discard(number)

    def delete_field(self, name: str) -> None:
        """Delete an attribute with its values."""
        del self.account.attributes[name]
        for contact in self.account.contacts.values():
            contact.attributes.pop(name, None)

    def delete_contact(self, email: str) -> None:
        """Delete a contact; one that comes again has another id."""
        del self.account.contacts[email]

    def leave_list(self, name: str, email: str) -> None:
        """Take a contact off a list."""
        self.account.contacts[email].list_ids.discard(self.lists()[name])

    def snapshot(self) -> bytes:
        """Return the whole state of the account, for `restore`."""
        return pickle.dumps({name: getattr(self.account, name) for name in STATE})

    def restore(self, snapshot: bytes) -> None:
        """Take the account back to what it was."""
        for name, value in pickle.loads(snapshot).items():  # noqa: S301 - our own
            setattr(self.account, name, value)

    def block(self, email: str) -> None:
        """Block a contact for e-mail, as when it unsubscribes."""
        contact = self.account.contact(email)
        contact.is_blocked, contact.modified_at = True, self.clock.stamp()

    def finish_jobs(self) -> None:
        """Carry out every waiting import now; stuck and late ones stay."""
        self.account.finish_jobs(at_once=True)

    def release_jobs(self) -> None:
        """Let stuck and late imports come to their end like any other."""
        self.account.release_jobs()

    def contacts(self) -> dict[str, dict[str, Any]]:
        """Return all contacts by address, as the API shows them."""
        return {email: contact.shown() for email, contact in self.account.contacts.items()}

    def lists(self) -> dict[str, int]:
        """Return the ids of all lists by name; of one name, the oldest."""
        return {name: number for number, (name, _) in reversed(self.account.lists.items())}

    def members(self, list_name: str) -> set[str]:
        """Return the addresses on a list; an unknown list has none."""
        number = self.lists().get(list_name)
        return {contact.email for contact in self.account.members(number)} if number else set()

    def fields(self) -> dict[str, str]:
        """Return the types of all attributes by name."""
        return dict(self.account.attributes)

    def jobs(self) -> list[dict[str, Any]]:
        """Return all imports in the order of their acceptance."""
        return [each.shown("") | {"count": each.count} for each in self.account.processes.values()]


def _authorized(app: ASGIApp, keys: dict[str, bool]) -> ASGIApp:
    """Wrap the server; `keys` are the valid keys, true for those that may write. Downloads need none."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        may_write = keys.get(Headers(scope=scope).get("api-key", ""))
        status = 401 if may_write is None else 403 if not may_write and scope["method"] != "GET" else None
        if (fault := scope[FAULT]) is not None and fault.kind == "ip_not_allowed":
            await JSONResponse({"code": "unauthorized", "message": IP_NOT_ALLOWED}, 401)(scope, receive, send)
            return
        if status is None or scope["path"].startswith("/_files/"):
            await app(scope, receive, send)
        else:
            await Response(orjson.dumps(refusal_body(status)), status, None, "application/json")(scope, receive, send)

    return answer


def _named_as_brevo_does(app: ASGIApp) -> ASGIApp:
    """Wrap the server so that the limits' headers carry Brevo's names."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        async def renamed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name in [name for name in headers if name.startswith("x-ratelimit-")]:
                    headers[name.replace("x-ratelimit-", "x-sib-ratelimit-")] = headers[name]
                    del headers[name]
            await send(message)

        await app(scope, receive, renamed)

    return answer


async def _refuse(_request: Request, error: Exception) -> Response:
    if not isinstance(error, Refusal):
        raise error
    return JSONResponse(error.body, error.status)
