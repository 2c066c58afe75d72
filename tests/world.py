"""A warehouse whose marts are made by hand, the demo's provider, and the nights between them."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from starlette.types import ASGIApp, Receive, Scope, Send

from demo.esp import Esp, Pace
from lifecycle import deliver, plan, settings, warehouse
from lifecycle.destinations import sendgrid

RUN_DATE = date(2017, 12, 30)
RULESET = "everybody"
KEY = "SG.demo"
LISTS = {"vip": "VIP", "at_risk": "At risk", "lapsed": "Lapsed"}
FIELDS: dict[str, settings.FieldType] = {
    "lifecycle_stage": "Text",
    "lifecycle_stage_since": "Date",
    "lifecycle_orders": "Number",
    "lifecycle_last_category": "Text",
}
#: Every job is carried out when it is asked about for the first time.
AT_ONCE = Pace(polls=0, seconds=None)

MARTS = """
create schema marts;
create table marts.contact_fields (person_id uuid primary key, email text not null, fields jsonb not null);
create table marts.audience_members (
    audience text, person_id uuid, email text not null, list_name text not null, priority integer not null,
    is_holdout boolean not null, reason text not null, fields jsonb not null,
    primary key (audience, person_id));
create table marts.stage_daily (
    ruleset text, day date, stage text, persons bigint, entered bigint, "left" bigint);
create table marts.stage_transitions (
    transition_id text primary key, person_id uuid, ruleset text, from_stage text, to_stage text, occurred_on date);
"""


def rules(lists: Mapping[str, str] = LISTS, **guards: object) -> settings.Settings:
    """The marketer's file with these lists and guards."""
    shop = {"kind": "woocommerce", "connection": "shop", "timezone": "Europe/Zurich", "currency": "CHF"}
    return settings.parse(
        {
            "timezone": "Europe/Zurich",
            "currency": "CHF",
            "shops": {"demo": shop},
            "esp": {"kind": "sendgrid", "connection": "esp"},
            "stages": {
                "rulesets": {
                    RULESET: {
                        "at_risk": {"after_days": 21},
                        "lapsed": {"after_days": 42},
                        "lost": {"after_days": 90},
                    }
                }
            },
            "audiences": {name: {"list": title, "stages": ["active"]} for name, title in lists.items()},
            "guards": guards,
        }
    )


def provider(address: str, key: str = KEY) -> settings.Connection:
    """How to reach the provider at an address."""
    return settings.Connection("esp", host=address, password=key)


@dataclass(frozen=True)
class Person:
    """One person who may be contacted: in ``audiences`` to be sent, and in ``held_out`` by lot."""

    email: str
    audiences: Iterable[str] = ()
    held_out: Iterable[str] = ()
    fields: Mapping[str, Any] = field(default_factory=lambda: {"lifecycle_stage": "active"})

    @property
    def person_id(self) -> UUID:
        return uuid5(NAMESPACE_URL, self.email)


class Stage:
    """A server whose app can be exchanged: starting one per test would take most of the time."""

    app: ASGIApp
    address: str

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the call to the app of the moment."""
        await self.app(scope, receive, send)


class World:
    """What the marts want, what the provider holds, and what happens in between."""

    def __init__(self, url: str, stage: Stage) -> None:
        self.url, self.stage, self.address = url, stage, stage.address
        warehouse.prepare(url, [])
        self.database = warehouse.connect(url, autocommit=True)
        self.run(MARTS)
        self.begin()

    def begin(self, pace: Pace = AT_ONCE) -> None:
        """Begin anew: nobody is wanted, the provider is empty, and nothing was ever delivered."""
        self.lists = dict(LISTS)
        self.run("truncate marts.stage_daily, marts.stage_transitions, delivery.reject")
        self.run("truncate delivery.run restart identity cascade")
        self.want()
        self.esp = Esp(key=KEY, pace=pace)
        self.stage.app = self.esp.app

    def run(self, statements: str) -> None:
        self.database.execute(statements.encode())

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        return self.database.execute(query.encode(), values).fetchall()

    def want(self, *people: Person) -> None:
        """Make the marts say this, and nothing else."""
        contacts = [(each.person_id, each.email, json.dumps(each.fields)) for each in people]
        members = [
            (audience, each.person_id, each.email, self.lists[audience], is_holdout, json.dumps(each.fields))
            for each in people
            for is_holdout, audiences in ((False, each.audiences), (True, each.held_out))
            for audience in audiences
        ]
        with self.database.cursor() as cursor:
            cursor.execute("truncate marts.contact_fields, marts.audience_members")
            cursor.executemany("insert into marts.contact_fields values (%s, %s, %s)", contacts)
            cursor.executemany(
                "insert into marts.audience_members values (%s, %s, %s, %s, 50, %s, 'by hand', %s)", members
            )

    def plan(self, **guards: object) -> int:
        return plan.run(self.url, "sendgrid", RUN_DATE, rules(self.lists, **guards))

    def planned(self, run_id: int) -> dict[str, dict[str, Any]]:
        """Address → its row in a plan."""
        columns = ("change", "payload", "add_lists", "remove_lists")
        rows = self.rows(f"select email, {', '.join(columns)} from delivery.plan where run_id = %s", run_id)
        return {email: dict(zip(columns, row, strict=True)) for email, *row in rows}

    def destination(self) -> sendgrid.SendGrid:
        return sendgrid.connect(provider(self.address), self.lists.values(), FIELDS)

    def deliver(self, run_id: int, destination: Any = None) -> dict[str, int]:
        return deliver.run(self.url, destination or self.destination(), run_id)

    def night(self) -> dict[str, int]:
        """Settle what is open, plan, deliver."""
        destination = self.destination()
        deliver.settle(self.url, destination)
        return self.deliver(self.plan(), destination)

    def ledger(self) -> dict[str, tuple[dict[str, Any], list[str]]]:
        """Address → fields and lists that the provider has confirmed."""
        rows = self.rows("select email, fields, lists from delivery.ledger")
        return {email: (fields, lists) for email, fields, lists in rows}

    def held(self) -> dict[str, tuple[dict[str, Any], list[str]]]:
        """Address → fields and lists that the provider really holds."""
        names = {key: name for name, key in self.esp.lists().items()}
        return {
            email: (contact["custom_fields"], sorted(names[key] for key in contact["list_ids"]))
            for email, contact in self.esp.contacts().items()
        }

    def calls(self, method: str) -> int:
        """How many calls by a method the provider has seen."""
        return sum(count for call, count in self.esp.faults.requests.items() if call.startswith(f"{method} "))
