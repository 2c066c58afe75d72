"""The ESP as one object: its server, and Python access to what it holds."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp

from demo.esp import accounts, authorization, contacts, events, jobs, lists, routes
from demo.esp.context import Context
from demo.esp.refusal import Refusal, refusal_body
from demo.esp.rules import Rules
from demo.esp.store import Store
from lifecycle.testing import clock as clocks
from lifecycle.testing.clock import Clock
from lifecycle.testing.faults import Faults, controlled

HAS_ADDRESS = "c.email is not null"


class Esp:
    """One ESP account: `esp.app` is the server; state, clock and faults can be changed while it runs."""

    def __init__(
        self,
        *,
        key: str = "SG.demo",
        read_only_key: str = "SG.demo-read-only",
        state: Path | None = None,
        now: datetime | None = None,
        pace: jobs.Pace | None = None,
        rules: Rules | None = None,
        user_id: int = 1,
    ) -> None:
        """`state` is the folder that holds the database; without one everything stays in memory."""
        self.clock = Clock(now)
        self.faults = Faults()
        self.store = Store(None if state is None else state / "esp.sqlite")
        self.pace = pace or jobs.Pace()
        self.rules = rules or Rules()
        self.accounts: list[tuple[Callable[[str], bool], ASGIApp]] = []
        self.keys = {key: authorization.FULL, read_only_key: authorization.READ_ONLY}
        context = Context(self.store, self.clock, self.pace, self.rules, self.keys, user_id)
        server = Starlette(routes=routes.routes(context), exception_handlers={Refusal: _refuse})
        authorized_server = authorization.authorized(server, self.keys, self.rules.rate_limit)
        own = controlled(authorized_server, self.faults, self.clock, refusal_body)
        self.app = accounts.by_key(self.accounts, own, "authorization")

    def add_account(self, key: str, **options: Any) -> "Esp":
        """Make another account behind the same address, which another key opens; it has a state of its own."""
        number = len(self.accounts) + 2
        named = {"read_only_key": f"{key}-read-only", "user_id": number}
        other = Esp(key=key, **{"pace": self.pace, **named, **options})
        self.accounts.append((other.knows, other.app))
        return other

    def knows(self, name: str) -> bool:
        """Say whether this is one of the account's keys, or of its files."""
        return name in self.keys or bool(self.store.value("select 1 from file where token = ?", (name,)))

    def is_fresh(self) -> bool:
        """Say whether nothing was ever put in."""
        return not self.store.value("select 1 from contact union all select 1 from list limit 1")

    def add_list(self, name: str) -> str:
        """Create a list and return its id; one that exists keeps its id."""
        self.store.run("insert into list values (?, ?) on conflict (name) do nothing", (str(uuid4()), name))
        return str(self.store.value("select id from list where name = ?", (name,)))

    def add_field(self, name: str, field_type: str) -> str:
        """Create a custom field (`Text`, `Number` or `Date`) and return its id."""
        return lists.add_field(self.store, name, field_type)

    def add_contact(
        self, email: str | None, *, lists: Iterable[str] = (), created_at: datetime | None = None, **reserved: str
    ) -> None:
        """Put in a contact, on the named lists; one of the future appears when the clock gets there.

        One without an address needs another identifier: `external_id`, `phone_number_id` or `anonymous_id`.
        """
        at = self.clock.stamp() if created_at is None else _epoch(created_at)
        with self.store.transaction():
            list_ids = [self.add_list(name) for name in lists]
            contact = {"email": email, **reserved}
            contacts.upsert(self.store, contact, contacts.find(self.store, contact), list_ids, {}, at)

    def suppress(
        self,
        kind: str,
        email: str,
        created: datetime,
        *,
        reason: str | None = None,
        status: str | None = None,
    ) -> None:
        """Put an address on `bounces`, `blocks`, `spam_reports`, `unsubscribes` or `invalid_emails`."""
        if kind not in events.SUPPRESSIONS:
            message = f"unknown kind of suppression; valid are {', '.join(events.SUPPRESSIONS)}"
            raise ValueError(message)
        row = (kind, email, _epoch(created), reason, status)
        self.store.run("insert into suppression values (?, ?, ?, ?, ?)", row)

    def lift_suppression(self, kind: str, email: str) -> None:
        """Take an address off, as the account's owner can by hand."""
        self.store.run("delete from suppression where kind = ? and email = ?", (kind, email))

    def add_group(self, group_id: int, name: str, description: str = "") -> None:
        """Create an unsubscribe group."""
        self.store.run("insert or replace into suppression_group values (?, ?, ?)", (group_id, name, description))

    def leave_group(self, group_id: int, email: str, created: datetime) -> None:
        """Unsubscribe an address from a group."""
        self.store.run("insert into group_member values (?, ?, ?)", (group_id, email, _epoch(created)))

    def add_single_send(
        self,
        key: str,
        name: str,
        created_at: datetime,
        *,
        categories: Sequence[str] = (),
        sent_at: datetime | None = None,
    ) -> None:
        """Put in a Single Send, triggered if it has been sent; one with the same id is replaced."""
        created, sent = _epoch(created_at), None if sent_at is None else _epoch(sent_at)
        row = (key, name, orjson.dumps(list(categories)).decode(), "triggered" if sent else "draft", sent, created)
        self.store.run("insert or replace into single_send values (?, ?, ?, ?, ?, ?, ?)", (*row, sent or created))

    def remove_single_send(self, key: str) -> None:
        """Delete a Single Send, as the account's owner can; its counts stay."""
        self.store.run("delete from single_send where id = ?", (key,))

    def count(self, kind: str, key: str, **counts: int) -> None:
        """Set the counts of one of the `singlesends` or `automations`; what is not given is 0."""
        row = (kind, key, orjson.dumps(counts).decode())
        self.store.run("insert or replace into statistics values (?, ?, ?)", row)

    def add_messages(self, messages: Sequence[Mapping[str, Any]]) -> None:
        """Add states of messages as the API shows them; the latest that the clock allows is shown."""
        rows = [
            {**message, "last_event_time": int(clocks.parse(message["last_event_time"]).timestamp())}
            for message in messages
        ]
        columns = ("msg_id", "from_email", "subject", "to_email", "status", "opens_count", "clicks_count")
        self.store.run_many(
            "insert or replace into message values (?, ?, ?, ?, ?, ?, ?, ?)",
            [[*(row[column] for column in columns), row["last_event_time"]] for row in rows],
        )

    def finish_jobs(self) -> None:
        """Carry out every waiting job now, late ones too; stuck ones stay."""
        jobs.run_due(self.store, self.pace, self.rules, self.clock.stamp(), at_once=True)

    def release_jobs(self) -> None:
        """Let stuck and late jobs come to their end like any other."""
        jobs.release(self.store)

    def rename_list(self, name: str, new_name: str) -> None:
        """Rename a list, as somebody can in the provider's page."""
        self.store.run("update list set name = ? where name = ?", (new_name, name))

    def delete_list(self, name: str) -> None:
        """Delete a list; its contacts stay."""
        self.store.run("delete from list where name = ?", (name,))

    def delete_field(self, name: str) -> None:
        """Delete a custom field with its values."""
        self.store.run("delete from field where name = ?", (name,))

    def delete_contact(self, email: str) -> None:
        """Delete a contact; one that comes again has another id."""
        self.store.run("delete from contact where email = ?", (email,))

    def leave_list(self, name: str, email: str) -> None:
        """Take a contact off a list."""
        where = "list_id = ? and contact_id = (select id from contact where email = ?)"
        self.store.run(f"delete from membership where {where}", (self.lists()[name], email))  # noqa: S608 - no value

    def snapshot(self) -> bytes:
        """Return the whole state of the account, for `restore`."""
        return self.store.snapshot()

    def restore(self, snapshot: bytes) -> None:
        """Take the account back to what it was."""
        self.store.restore(snapshot)

    def contacts(self) -> dict[str, dict[str, Any]]:
        """Return all contacts that have an address by it, as the API shows them."""
        return {contact["email"]: contact for contact in contacts.shown(self.store, self.clock.horizon(), HAS_ADDRESS)}

    def lists(self) -> dict[str, str]:
        """Return the ids of all lists by name."""
        return {row["name"]: row["id"] for row in self.store.rows("select name, id from list")}

    def members(self, list_name: str) -> set[str]:
        """Return the addresses on a list; an unknown list has none."""
        key = self.lists().get(list_name)
        return {email for email, contact in self.contacts().items() if key in contact["list_ids"]}

    def fields(self) -> dict[str, str]:
        """Return the ids of all custom fields by name."""
        return {row["name"]: row["id"] for row in self.store.rows("select name, id from field")}

    def jobs(self) -> list[dict[str, Any]]:
        """Return all jobs in the order of their acceptance."""
        rows = self.store.rows("select * from job order by number")
        return [jobs.shown(row, "") for row in rows]

    def close(self) -> None:
        """Close the database."""
        self.store.close()


async def _refuse(_request: Request, error: Exception) -> Response:
    if not isinstance(error, Refusal):
        raise error
    return JSONResponse(error.body, error.status)


def _epoch(moment: datetime) -> int:
    return int((moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment).timestamp())
