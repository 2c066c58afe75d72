"""A simulated shop and provider: what happens there, which faults occur, and whether all data agrees in the end."""

import json
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from demo import marts
from demo.chaos.night import AUDIENCES, MARTS
from demo.esp import Esp, Pace
from demo.shop import Shop
from lifecycle import warehouse
from lifecycle.sources import source_kind
from lifecycle.testing.faults import Fault

FIRST_DAY = date(2017, 12, 1)
BY_HAND = {"hand1@example.com", "hand2@example.com"}
SUPPRESSIONS = [spec.name for spec in source_kind("sendgrid").streams if spec.suppressed]
KINDS = ("bounces", "blocks", "spam_reports", "unsubscribes", "invalid_emails")
#: Kind → whether the provider's writing calls, its jobs, or any server's reading calls meet it.
REFUSALS = ("429", "500", "503", "timeout", "reset_mid_body", "truncated", "not_json")
FATES = ("job_failed", "job_stuck", "rows_rejected")
STYLES = ("retry_after", "reset_seconds", "reset_epoch", "none")

LAND = """
insert into raw.{table} as known (id, source, doc, loaded_at) values (%s, %s, %s, now())
on conflict (id) do update set doc = excluded.doc, loaded_at = excluded.loaded_at
where known.doc is distinct from excluded.doc
"""


class Reader:
    """Hands calls on to the provider, and notes whose contacts it was to write."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.written: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on one call."""
        body = bytearray()

        async def read() -> Message:
            message = await receive()
            body.extend(message.get("body", b""))
            if scope["method"] == "PUT" and message["type"] == "http.request" and not message.get("more_body"):
                self.written += [contact["email"].lower() for contact in orjson.loads(bytes(body))["contacts"]]
            return message

        await self.app(scope, read, send)


@dataclass
class Simulation:
    """The people (address → audiences, points), the servers they are known to, and the warehouse."""

    url: str
    dice: random.Random
    is_extracted: bool
    people: dict[str, tuple[list[str], int]] = field(default_factory=dict)
    suppressed: dict[str, set[str]] = field(default_factory=dict)
    run_date: date = FIRST_DAY
    switched_on: list[tuple[Fault, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Start the servers and its empty warehouse."""
        self.shop = Shop()
        self.esp = Esp(pace=Pace(polls=self.dice.choice([0, 1, 2]), seconds=self.dice.choice([None, 0.2])))
        self.reader = Reader(self.esp.app)
        for name in BY_HAND:
            self.esp.add_contact(name, lists=["VIP"])
        streams = [("sendgrid", stream) for stream in (*SUPPRESSIONS, "contacts", "list_members")]
        shop_streams = [("woocommerce", stream) for stream in ("orders", "customers", "products")]
        warehouse.prepare(self.url, [*streams, *shop_streams])
        self.query(marts.ddl(*MARTS))
        for _ in range(self.dice.randint(20, 120)):
            self._add_person()

    def query(self, statement: str, *values: object) -> list[Any]:
        """Run a statement in the warehouse; its rows."""
        with warehouse.connect(self.url) as connection:
            cursor = connection.execute(statement.encode(), values or None)
            return cursor.fetchall() if cursor.description else []

    # --- changes -------------------------------------------

    def _add_person(self) -> None:
        email = f"person{len(self.people) + 1}@example.com"
        self.people[email] = (self._audiences(), 0)
        self._update_shop(email)

    def _audiences(self) -> list[str]:
        return [name for name in AUDIENCES if self.dice.choice([True, True, False, False, False])]

    def _update_shop(self, email: str) -> None:
        audiences, points = self.people[email]
        number = int(email.removeprefix("person").split("@")[0])
        created_at = "2017-11-01T00:00:00"
        account = {"id": number, "email": email.upper() if number % 7 == 0 else email, "date_created_gmt": created_at}
        self.shop.put_customer(account | {"audiences": ",".join(audiences), "points": points})

    def next_day(self) -> None:
        """One day of purchases and suppressions."""
        self.run_date += timedelta(days=1)
        for _ in range(self.dice.randint(0, 10)):
            self._add_person()
        for email in self.dice.sample(list(self.people), len(self.people) // 3):
            self.people[email] = (self._audiences(), self.people[email][1] + 1)
            self._update_shop(email)
        for email in self.dice.sample(list(self.people), self.dice.randint(0, 6)):
            kind = self.dice.choice(KINDS)
            if email not in self.suppressed.setdefault(kind, set()):
                self.suppressed[kind].add(email)
                self.esp.suppress(kind, email, datetime.combine(self.run_date, time(self.dice.randrange(24)), UTC))

    def everybody_changes(self) -> None:
        """Everybody's points change, so that what a fault made the provider refuse is sent once more."""
        for email, (audiences, points) in self.people.items():
            self.people[email] = (audiences, points + 1)
            self._update_shop(email)

    def land(self) -> None:
        """Put what the servers know into ``raw``, where the night itself doesn't extract it."""
        if self.is_extracted:
            return
        with warehouse.connect(self.url) as connection, connection.cursor() as cursor:
            for stream, rows in self._documents():
                cursor.executemany(LAND.format(table=stream).encode(), rows)
            for stream in SUPPRESSIONS:
                cursor.execute(
                    "insert into raw.pull values ('esp', %s, %s, now(), now(), 1, 0, 0, null) on conflict do nothing",
                    [stream, self.run_date],
                )

    def _documents(self) -> Iterator[tuple[str, list[tuple[str, str, str]]]]:
        yield (
            "woocommerce__customers",
            [
                (
                    f"shop/{email}",
                    "shop",
                    json.dumps({"email": email, "audiences": ",".join(audiences), "points": points}),
                )
                for email, (audiences, points) in self.people.items()
            ],
        )
        for kind, emails in self.suppressed.items():
            yield (
                f"sendgrid__{kind}",
                [(f"esp/{email}", "esp", json.dumps({"email": email})) for email in emails],
            )

    # --- faults ----------------------------------------

    def switch_faults_on(self) -> None:
        """Switch some faults on, at both servers."""
        for _ in range(self.dice.randint(1, 6)):
            kind = self.dice.choice((*REFUSALS, *FATES))
            method = (
                self.dice.choice(("PUT", "DELETE"))
                if kind in FATES
                else self.dice.choice(("PUT", "DELETE", "POST", "GET"))
            )
            self._switch_on(self.esp, Fault(kind, method=method, **self._fault_options()))
        if self.is_extracted:
            for _ in range(self.dice.randint(1, 3)):
                kind = self.dice.choice((*REFUSALS, "page_shift", "page_shift"))
                self._switch_on(self.shop, Fault(kind, method="GET", **self._fault_options()))

    def _fault_options(self) -> dict[str, Any]:
        return {
            "times": self.dice.choice([1, 1, 2, 3, 5]),
            "after": self.dice.choice([0, 0, 1, 2, 5]),
            "performed": self.dice.choice([True, False]),
            "style": self.dice.choice(STYLES),
            "rows": self.dice.randint(1, 5),
            "shift": self.dice.choice([-2, -1, 1, 2]),
            "seconds": 5.0,
        }

    def _switch_on(self, server: Shop | Esp, fault: Fault) -> None:
        server.faults.add(fault)
        self.switched_on.append((fault, fault.times or 0))

    def switch_faults_off(self) -> Counter[str]:
        """Switch all faults off and let late jobs come to their end; return how often each kind was met."""
        met = Counter({fault.kind: 0 for fault, _ in self.switched_on})
        for fault, times in self.switched_on:
            met[fault.kind] += times - (fault.times or 0)
        self.switched_on.clear()
        self.esp.faults.clear()
        self.shop.faults.clear()
        self.esp.store.run("update job set submitted = 0")
        return met

    # --- results ------------------------------------

    def refused_to_contact(self) -> set[str]:
        """Addresses that the provider suppresses."""
        return {email for emails in self.suppressed.values() for email in emails}

    def suppressed_contacted(self) -> int:
        """How often, since this was last asked, the provider was to write an address that it suppresses."""
        written, self.reader.written = self.reader.written, []
        return sum(email in self.refused_to_contact() for email in written)

    def differences(self) -> list[str]:
        """What the provider or the ledger holds otherwise than the warehouse says, by list and address."""
        wanted = {
            email: (
                {AUDIENCES[name] for name in audiences},
                {"lifecycle_orders": points, "lifecycle_stage": f"stage {points % 3}"},
            )
            for email, (audiences, points) in self.people.items()
            if email not in self.refused_to_contact()
        }
        names = {key: name for name, key in self.esp.lists().items()}
        held = {
            email: ({names[key] for key in contact["list_ids"]}, contact["custom_fields"])
            for email, contact in self.esp.contacts().items()
        }
        ledger = {
            email: (set(lists), fields)
            for email, lists, fields in self.query("select email, lists, fields from delivery.ledger")
        }
        differences = []
        for email in {*wanted, *held, *ledger} - BY_HAND:
            lists, fields = wanted.get(email, (set(), None))
            there, known = held.get(email, (set(), None)), ledger.get(email, (set(), None))
            differences += [f"{email}: on {name}" for name in there[0] - lists]
            differences += [f"{email}: not on {name}" for name in lists - there[0]]
            differences += [f"{email}: ledger has {known[0]}, the provider {there[0]}"] if known[0] != there[0] else []
            if lists and fields != there[1]:
                differences.append(f"{email}: other fields")
        differences += [f"{email}: by hand, and gone" for email in BY_HAND - self.esp.members("VIP")]
        return differences + self._raw_differences()

    def _raw_differences(self) -> list[str]:
        if not self.is_extracted:
            return []
        columns = "lower(doc ->> 'email'), doc ->> 'audiences', (doc ->> 'points')::int"
        rows = self.query(f"select {columns} from raw.woocommerce__customers")  # noqa: S608
        raw = {email: (audiences.split(",") if audiences else [], points) for email, audiences, points in rows}
        return [f"{email}: not as in the shop" for email in self.people if raw.get(email) != self.people[email]]
