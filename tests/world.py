"""A warehouse whose marts are made by hand, the demo's provider, and the nights between them."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from demo import marts
from demo.esp import Esp, Pace
from lifecycle import deliver, plan, reconcile, settings, warehouse
from lifecycle.destinations import values
from lifecycle.destinations.sendgrid import writer as sendgrid
from lifecycle.sources import source_kind
from lifecycle.testing.server import AppHost

RUN_DATE = date(2017, 12, 30)
SUPPRESSIONS = [spec.name for spec in source_kind("sendgrid").streams if spec.suppressed]
RULESET = "everybody"
KEY = "SG.demo"
LISTS = {"vip": "VIP", "at_risk": "At risk", "lapsed": "Lapsed"}
FIELDS: dict[str, settings.FieldType] = {
    "lifecycle_stage": "Text",
    "lifecycle_stage_since": "Date",
    "lifecycle_orders": "Number",
    "lifecycle_last_category": "Text",
    "lifecycle_contactable": "Text",
}
#: An emptied Date, as the provider shows it.
EMPTY_MOMENT = "1970-01-01T00:00:00Z"
LEFT = {"lifecycle_contactable": "not contactable"}
#: Every job is carried out when it is asked about for the first time.
AT_ONCE = Pace(polls=0, seconds=None)

MARTS = ("contact_fields", "audience_members", "audience_decisions", "stage_daily", "stage_transitions")


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
            "audiences": {
                name: {"list": title, "stages": ["active"], "fields": ["last_category"]}
                for name, title in lists.items()
            },
            "guards": {"suppressions_may_be_empty": True, "first_delivery_asks": False, **guards},
        }
    )


def provider(address: str, key: str = KEY) -> settings.Connection:
    """How to reach the provider at an address."""
    return settings.Connection("esp", host=address, password=key)


@dataclass(frozen=True)
class Person:
    """One person: in ``audiences`` to be sent, ``held_out`` at random, or ``excluded`` from an audience for a reason.

    Who is ``refused`` may not be contacted at all.
    """

    email: str
    audiences: Iterable[str] = ()
    held_out: Iterable[str] = ()
    excluded: Mapping[str, str] = field(default_factory=dict)
    is_refused: bool = False
    fields: Mapping[str, Any] = field(default_factory=lambda: {"lifecycle_stage": "active"})

    @property
    def person_id(self) -> UUID:
        return uuid5(NAMESPACE_URL, self.email)


class World:
    """What the marts want, what the provider holds, and what happens in between."""

    def __init__(self, url: str, host: AppHost) -> None:
        self.url, self.host, self.address = url, host, host.address
        warehouse.prepare(url, [("sendgrid", stream) for stream in SUPPRESSIONS])
        self.database = warehouse.connect(url, autocommit=True)
        self.run(marts.ddl(*MARTS))
        self.begin()

    def begin(self, pace: Pace = AT_ONCE) -> None:
        """Begin again: nobody is wanted, the provider is empty, and nothing was ever delivered."""
        self.lists = dict(LISTS)
        self.run("truncate $marts.stage_daily, $marts.stage_transitions, $delivery.reject, $delivery.decision")
        self.run("truncate $delivery.account, $delivery.run, $delivery.installation restart identity cascade")
        self.run("truncate $raw.pull, $quality.result")
        self.pull(RUN_DATE)
        self.want()
        self.esp = Esp(key=KEY, pace=pace)
        self.host.app = self.esp.app

    def run(self, statements: str) -> None:
        self.database.execute(statements.encode())

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        return self.database.execute(query.encode(), values).fetchall()

    def pull(self, run_date: date) -> None:
        """The provider's suppressions were read for a date."""
        for stream in SUPPRESSIONS:
            self.database.execute(
                "insert into $raw.pull values ('esp', %s, %s, now(), now(), 1, 0, 0, null)", [stream, run_date]
            )

    def want(self, *people: Person) -> None:
        """Make the marts say this, and nothing else."""
        contacts = [
            (
                each.person_id,
                each.email,
                json.dumps({key: value for key, value in each.fields.items() if value is not None}),
            )
            for each in people
            if not each.is_refused
        ]
        members = [
            (audience, each.person_id, each.email, self.lists[audience], is_holdout)
            for each in people
            for is_holdout, audiences in ((False, each.audiences), (True, each.held_out))
            for audience in audiences
        ]
        decisions = [
            (audience, person_id, name, "holdout" if is_holdout else "member", None)
            for audience, person_id, _, name, is_holdout in members
        ] + [
            (audience, each.person_id, self.lists[audience], "excluded", why)
            for each in people
            for audience, why in each.excluded.items()
        ]
        with self.database.cursor() as cursor:
            cursor.execute("truncate $marts.contact_fields, $marts.audience_members, $marts.audience_decisions")
            cursor.executemany("insert into $marts.contact_fields values (%s, %s, %s)", contacts)
            cursor.executemany(
                "insert into $marts.audience_members values (%s, %s, %s, %s, 50, %s, 'by hand')", members
            )
            cursor.executemany(
                "insert into $marts.audience_decisions values (%s, %s, %s, 50, %s, %s, 'by hand')", decisions
            )

    def plan(self, run_date: date = RUN_DATE, **guards: object) -> int:
        return plan.run(self.url, run_date, rules(self.lists, **guards))

    def planned(self, run_id: int) -> dict[str, dict[str, Any]]:
        """Address → its row in a plan."""
        columns = ("change", "payload", "add_lists", "remove_lists")
        rows = self.rows(
            f"select email, {', '.join(columns)} from $delivery.plan where change <> 'refused' and run_id = %s", run_id
        )
        return {email: dict(zip(columns, row, strict=True)) for email, *row in rows}

    def destination(self) -> sendgrid.SendGrid:
        known_lists = deliver.known_lists(self.url, "sendgrid")
        return sendgrid.connect(provider(self.address), self.lists.values(), FIELDS, known_lists)

    def deliver(self, run_id: int, destination: Any = None) -> dict[str, int]:
        return deliver.run(self.url, destination or self.destination(), run_id)

    def night(self) -> dict[str, int]:
        """Resolve open jobs, plan, approve the plan if it is stopped, deliver."""
        deliver.resolve_open_jobs(self.url, self.destination())
        return self.deliver(self.approved_plan())

    def whole_night(self, run_date: date = RUN_DATE) -> dict[str, int]:
        """A night that looks at the provider's lists before it plans, and reads them back after it has delivered."""
        destination = self.destination()
        deliver.resolve_open_jobs(self.url, destination)
        reconcile.adopt_remote_state(self.url, destination, run_date, reconcile.differing_lists(self.url, destination))
        run_id = self.approved_plan(run_date)
        figures = self.deliver(run_id)
        reconcile.run(self.url, self.destination(), run_id, self.lists.values())
        return figures

    def approved_plan(self, run_date: date = RUN_DATE) -> int:
        """A plan that may be sent, whatever guards it trips."""
        run_id = self.plan(run_date)
        if plan.stopped_by(self.url, run_id):
            plan.record_approval(self.url, run_id, by="ada", is_approved=True)
        return run_id

    def write_by_hand(self, email: str, **fields: Any) -> None:
        """Somebody changes a contact's fields at the provider."""
        destination = self.destination()
        destination.upsert([destination.encoded(email, fields)], [])
        self.esp.finish_jobs()

    def ledger(self) -> dict[str, tuple[dict[str, Any], list[str]]]:
        """Address → fields that say something, and lists, that the provider has confirmed."""
        rows = self.rows("select email, fields, lists from $delivery.ledger")
        return {email: (values.without_empty(fields), lists) for email, fields, lists in rows}

    def held(self) -> dict[str, tuple[dict[str, Any], list[str]]]:
        """Address → fields that say something, and lists, that the provider really holds."""
        names = {key: name for name, key in self.esp.lists().items()}
        return {
            email: (
                values.without_empty({k: v for k, v in contact["custom_fields"].items() if v != EMPTY_MOMENT}),
                sorted(names[key] for key in contact["list_ids"]),
            )
            for email, contact in self.esp.contacts().items()
        }

    def calls(self, method: str) -> int:
        """How many calls by a method the provider has seen."""
        return sum(count for call, count in self.esp.faults.requests.items() if call.startswith(f"{method} "))
