"""A simulated shop and provider with the people they know, and the warehouse."""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from demo import marts
from demo.chaos.night import AUDIENCES, MARTS
from demo.chaos.watch import Watch
from demo.esp import Esp, Pace
from demo.shop import Shop
from lifecycle import warehouse
from lifecycle.sources import source_kind

FIRST_DAY = date(2017, 12, 1)
#: A list that is not ours, and people whom only the provider knows.
FOREIGN = "Newsletter"
BY_HAND = ("hand1@example.com", "hand2@example.com")
SUPPRESSIONS = [spec.name for spec in source_kind("sendgrid").streams if spec.suppressed]
KINDS = ("bounces", "blocks", "spam_reports", "unsubscribes", "invalid_emails")

LAND = """
insert into raw.{table} as known (id, source, doc, loaded_at) values (%s, %s, %s, now())
on conflict (id) do update set doc = excluded.doc, loaded_at = excluded.loaded_at
where known.doc is distinct from excluded.doc
"""

#: A day goes by for what the warehouse waits for.
DAY_LATER = """
update delivery.job set submitted_at = submitted_at - interval '1 day', finished_at = finished_at - interval '1 day';
update delivery.run set planned_at = planned_at - interval '1 day';
"""


@dataclass
class Person:
    """A customer: where they belong, and whether they may be written to."""

    audiences: list[str]
    points: int | None = None
    is_held_out: bool = False
    has_withdrawn: bool = False


@dataclass
class Simulation:
    """The people by their addresses, the servers they are known to, and the warehouse.

    ``names`` says what each of our lists is called at the provider, ``others`` whom somebody else has put on which list
    there: these must stay.
    """

    url: str
    dice: random.Random
    is_extracted: bool
    people: dict[str, Person] = field(default_factory=dict)
    suppressions: dict[tuple[str, str], datetime] = field(default_factory=dict)
    run_date: date = FIRST_DAY
    audiences: tuple[str, ...] = tuple(AUDIENCES)
    names: dict[str, str] = field(default_factory=lambda: {name: name for name in AUDIENCES.values()})
    others: dict[str, set[str]] = field(default_factory=dict)
    put_by_hand: set[tuple[str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Start the servers and its empty warehouse."""
        dice = self.dice
        self.shop = Shop()
        self.esp = Esp(pace=Pace(polls=dice.choice([0, 1, 2]), seconds=dice.choice([None, 0.2])))
        self.other_account = self.esp.add_account("SG.other")
        self.watch = Watch(self.esp.app)
        rules = self.esp.rules
        rules.null, rules.names = dice.choice(["request", "row"]), dice.choice(["all", "first", "nobody"])
        rules.wrong_type, rules.unknown_field = dice.choice(["row", "request"]), dice.choice(["row", "message"])
        rules.contact_limit, rules.refused_at = dice.choice(["row", "request"]), dice.choice(["row", "request"])
        rules.may_read_username = dice.choice([True, True, False])
        streams = [("sendgrid", stream) for stream in (*SUPPRESSIONS, "contacts", "list_members")]
        shop_streams = [("woocommerce", stream) for stream in ("orders", "customers", "products")]
        warehouse.prepare(self.url, [*streams, *shop_streams])
        self.query(marts.ddl(*MARTS))
        for _ in range(dice.randint(20, 120)):
            self._add_person()
        self.others = {"VIP": {*BY_HAND}, FOREIGN: {*BY_HAND, *dice.sample(list(self.people), 5)}}
        for name, emails in self.others.items():
            for email in sorted(emails):
                self.esp.add_contact(email, lists=[name])

    def query(self, statement: str, *values: object) -> list[Any]:
        """Run a statement in the warehouse; its rows."""
        with warehouse.connect(self.url) as connection:
            cursor = connection.execute(statement.encode(), values or None)
            return cursor.fetchall() if cursor.description else []

    # --- what happens at the shop and among the people

    def _add_person(self) -> None:
        email = f"person{len(self.people) + 1}@example.com"
        self.people[email] = Person(self._some_audiences(), is_held_out=self.dice.random() < 0.1)  # noqa: PLR2004
        self._update_shop(email)

    def _some_audiences(self) -> list[str]:
        return [name for name in AUDIENCES if self.dice.choice([True, True, False, False, False])]

    def _update_shop(self, email: str) -> None:
        person, number = self.people[email], int(email.removeprefix("person").split("@")[0])
        spelt, created_at = email.upper() if number % 7 == 0 else email, "2017-11-01T00:00:00"
        account = {"id": number, "email": spelt, "date_created_gmt": created_at}
        self.shop.put_customer(account | _facts(person))

    def change(self, emails: list[str]) -> None:
        """These people buy something, lose what they had, or belong elsewhere."""
        for email in emails:
            person = self.people[email]
            person.audiences = self._some_audiences()
            person.points = self.dice.choice([None, *[(person.points or 0) + 1] * 5])
            self._update_shop(email)

    def suppress(self, email: str) -> None:
        """The provider suppresses an address."""
        kind = self.dice.choice(KINDS)
        if (kind, email) not in self.suppressions:
            moment = datetime.combine(self.run_date, time(self.dice.randrange(24)), UTC)
            self.suppressions[kind, email] = moment
            self.esp.suppress(kind, email, moment)

    def withdraw(self, email: str) -> None:
        """Somebody withdraws their consent at the shop."""
        self.people[email].has_withdrawn = True
        self._update_shop(email)

    def some(self, most: int) -> list[str]:
        """Some of the people, at least one."""
        return self.dice.sample(list(self.people), self.dice.randint(1, most))

    def next_day(self, *, is_quiet: bool = False) -> None:
        """One day; of purchases, suppressions and withdrawals, if it is not a quiet one."""
        self.run_date += timedelta(days=1)
        self.query(DAY_LATER)
        if is_quiet:
            return
        for _ in range(self.dice.randint(0, 10)):
            self._add_person()
        self.change(self.dice.sample(list(self.people), len(self.people) // 3))
        for act in (self.suppress, self.withdraw, self.hold_out):
            for email in self.some(4):
                act(email)

    def hold_out(self, email: str) -> None:
        """Somebody is assigned to the control group, or no longer."""
        person = self.people[email]
        person.is_held_out = not person.is_held_out
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
        self.watch.barred |= self.refused()

    def _documents(self) -> Iterator[tuple[str, list[tuple[str, str, str]]]]:
        customers = [
            (f"shop/{email}", "shop", json.dumps({"email": email} | _facts(person)))
            for email, person in self.people.items()
        ]
        yield "woocommerce__customers", customers
        for kind, email in self.suppressions:
            yield f"sendgrid__{kind}", [(f"esp/{email}", "esp", json.dumps({"email": email}))]

    def refused(self) -> set[str]:
        """Addresses that must not be written to."""
        withdrawn = {email for email, person in self.people.items() if person.has_withdrawn}
        return withdrawn | {email for _, email in self.suppressions}


def _facts(person: Person) -> dict[str, Any]:
    return {
        "audiences": ",".join(person.audiences),
        "points": person.points,
        "is_held_out": person.is_held_out,
        "has_withdrawn": person.has_withdrawn,
    }
