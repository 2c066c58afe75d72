"""Whole nights through the real DAG: against a recount by hand, under faults, without a source, and killed midway."""

import csv
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
import yaml

from demo import airflow_home
from demo.esp import Esp
from demo.faults import Fault
from demo.serve import running
from demo.shop import Shop
from lifecycle.settings import DBT_PROJECT
from tests import town
from tests.town import BETWEEN, FIRST, SECOND, Scene

pytestmark = pytest.mark.night

PRODUCT = {
    "id": 1,
    "name": "Tea",
    "categories": [{"id": 1, "name": "Drinks"}],
    "date_created_gmt": "2016-01-01T00:00:00",
}
GROUP = 5
READING_POSTS = ("/v3/marketing/contacts/exports", "/v3/marketing/contacts/search/emails")
CONTACTS = "PUT /v3/marketing/contacts"
SETTINGS_OF_OTHERS = ("AIRFLOW", "LIFECYCLE", "DBT_", "COSMOS")
MARTS = {
    "persons": "person_id",
    "purchase_days": "person_id, shop, business_day",
    "stage_intervals": "person_id, ruleset, valid_from",
    "stage_transitions": "transition_id",
    "stage_daily": "ruleset, day, stage",
    "customers": "person_id",
    "contact_fields": "person_id",
    "audience_members": "audience, person_id",
    "unassigned_orders": "order_id",
}

Held = dict[str, tuple[dict[str, Any], list[str]]]
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Left:
    """What a night left behind: marts, the provider's contacts with fields and lists, refused rows, writing calls."""

    scene: Scene
    run_date: date
    returncode: int
    log: str
    marts: dict[str, Rows]
    held: Held
    on_lists: dict[str, set[str]]
    rejected: set[tuple[str, str]]
    written: dict[str, int]

    def on_run_date(self) -> dict[UUID, town.Person]:
        return town.recount(self.scene, self.run_date)[0]


def _models_of_the_town(folder: Path) -> Path:
    """The shipped dbt project, with those scenarios that refer to none of the shipped audiences."""
    shutil.copytree(DBT_PROJECT, folder)
    catalogue = folder / "seeds" / "scenario_catalogue.csv"
    header, *rows = csv.reader(catalogue.read_text(encoding="utf-8").splitlines())
    audience, carrier = header.index("audience"), header.index("recognised_by")
    kept = [row for row in rows if not row[audience] and row[carrier] != "list"]
    with catalogue.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *kept])
    return folder


class Installation:
    """Two shops, a provider, a warehouse and an Airflow of their own."""

    def __init__(self, scene: Scene, database: str, home: Path) -> None:
        self.scene, self.database, self.home = scene, database, home
        self.seen_until: dict[str, datetime] = {}
        self.shops = {
            shop: Shop(
                customers=scene.accounts[shop], products=[PRODUCT], timezone=zone.key, currency=town.CURRENCIES[shop]
            )
            for shop, zone in town.ZONES.items()
        }
        self.esp = Esp()
        self.esp.add_group(GROUP, "Offers")
        for contact in scene.contacts:
            self.esp.add_contact(contact.email, lists=contact.lists, created_at=contact.created_at)
        self._show(scene.orders, [])
        self._suppress(scene.suppressions)

    @contextmanager
    def open(self) -> Iterator["Installation"]:
        """Serve shops and provider, and make the Airflow."""
        config = self.home / "vars.yml"
        config.write_text(yaml.safe_dump({"vars": {"lifecycle": town.RULES}}))
        with ExitStack() as stack:
            connections = {"warehouse": self.database}
            for name, shop in self.shops.items():
                address = stack.enter_context(running(shop.app))
                connections[f"shop_{name}"] = airflow_home.http_connection(address, login="ck_demo", password="cs_demo")
            address = stack.enter_context(running(self.esp.app))
            connections["provider"] = airflow_home.http_connection(address, password="SG.demo")
            own = airflow_home.environment(self.home / "airflow", connections)
            others = {name: value for name, value in os.environ.items() if not name.startswith(SETTINGS_OF_OTHERS)}
            here = {
                "LIFECYCLE_CONFIG": f"{config}",
                "LIFECYCLE_DBT_PROJECT": f"{_models_of_the_town(self.home / 'dbt_project')}",
                "LIFECYCLE_WORK": f"{self.home}",
                "TMPDIR": f"{self.home}",
            }
            self.environment = {**others, **own, **here}
            airflow_home.migrate(own)
            yield self

    def _show(self, orders: Any, before: Any) -> None:
        for shop, found in orders.items():
            for each in found:
                if not before or each not in before[shop]:
                    self.shops[shop].put_order(each)

    def _suppress(self, suppressions: list[tuple[str, str, datetime]]) -> None:
        for kind, email, created in suppressions:
            if kind == "group":
                self.esp.leave_group(GROUP, email, created)
            else:
                self.esp.suppress(kind, email, created)

    def change(self, scene: Scene) -> None:
        """Let the second day happen."""
        self._show(scene.orders, self.scene.orders)
        self._suppress([row for row in scene.suppressions if row not in self.scene.suppressions])
        self.scene = scene

    def start(self, run_date: date) -> "subprocess.Popen[str]":
        servers: list[Shop | Esp] = [*self.shops.values(), self.esp]
        for server in servers:
            server.clock.now = town.starts_at(run_date).astimezone(UTC)
            server.faults.requests.clear()
        self.log = self.home / f"{time.monotonic_ns()}.log"
        with self.log.open("w") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "airflow", "dags", "test", "lifecycle_nightly", f"{run_date}"],
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                text=True,
            )

    def night(self, run_date: date, *, without: str | None = None) -> Left:
        """Run a night to its end; ``without`` names a shop that can't be read."""
        process = self.start(run_date)
        try:
            process.wait(timeout=900)
        finally:
            _kill(process)
        now = town.starts_at(run_date)
        self.seen_until |= {source: now for source in (*self.shops, "esp") if source != without}
        return self._left(run_date, process.returncode)

    def killed_night(self, run_date: date, is_time: Callable[["Installation"], bool], pause: float) -> str:
        """Start a night, kill it ``pause`` seconds after ``is_time``, and say which task it was in."""
        process = self.start(run_date)
        until = time.monotonic() + 900
        try:
            while not is_time(self) and process.poll() is None and time.monotonic() < until:
                time.sleep(0.01)
            time.sleep(pause)
            assert process.poll() is None, f"the night ended too soon: {self.log.read_text()[-3000:]}"
        finally:
            _kill(process)
        words = self.log.read_text().split("starting task_id=")
        return words[-1].split()[0] if len(words) > 1 else ""

    def _left(self, run_date: date, returncode: int) -> Left:
        names = {key: name for name, key in self.esp.lists().items()}
        held = {
            email: (contact["custom_fields"], sorted(names[key] for key in contact["list_ids"]))
            for email, contact in self.esp.contacts().items()
        }
        with psycopg.connect(self.database, row_factory=psycopg.rows.dict_row) as connection:
            marts = {
                name: connection.execute(f"select * from marts.{name} order by {key}".encode()).fetchall()
                for name, key in MARTS.items()
            }
            rejected = connection.execute("select email, message from delivery.reject").fetchall()
        return Left(
            scene=self.scene.at(self.seen_until),
            run_date=run_date,
            returncode=returncode,
            log=self.log.read_text(),
            marts=marts,
            held=held,
            on_lists={rule["list"]: self.esp.members(rule["list"]) for rule in town.AUDIENCES.values()},
            rejected={(row["email"], row["message"]) for row in rejected},
            written={
                call: count
                for call, count in self.esp.faults.requests.items()
                if not call.startswith("GET ") and not call.endswith(READING_POSTS)
            },
        )


def _kill(process: "subprocess.Popen[str]") -> None:
    """Kill the process and all that it started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    finally:
        process.wait()


def asked_for_orders(house: Installation) -> bool:
    return any("/orders" in call for call in house.shops["zurich"].faults.requests)


def half_built(house: Installation) -> bool:
    with psycopg.connect(house.database) as connection:
        return connection.execute("select to_regclass('marts.purchase_days')").fetchone() != (None,)


def sent_contacts(house: Installation) -> bool:
    return house.esp.faults.requests[CONTACTS] >= 3


def begun_to_resolve(house: Installation) -> bool:
    return "starting task_id=resolve_open_jobs" in house.log.read_text()


@dataclass(frozen=True)
class Nights:
    """Two towns of the same people: one whose nights nothing disturbs, and one where everything goes wrong."""

    first: Left
    second: Left
    again: Left
    interrupted_in: list[str]
    first_after_kills: Left
    blind: Left
    second_under_faults: Left


def undisturbed(house: Installation) -> tuple[Left, Left, Left]:
    first = house.night(FIRST)
    house.change(town.changed(house.scene))
    return first, house.night(SECOND), house.night(SECOND)


def disturbed(house: Installation) -> tuple[list[str], Left, Left, Left]:
    dice = random.Random(7)  # noqa: S311 - reproducible moments to kill at, no secret
    moments = [
        (asked_for_orders, dice.uniform(0, 0.5)),
        (half_built, dice.uniform(0, 1)),
        (sent_contacts, dice.uniform(0, 1)),
        (begun_to_resolve, dice.uniform(0, 0.3)),
    ]
    in_the_middle = Fault("429", path="/marketing/contacts$", method="PUT", after=2, retry_after=3)
    house.esp.faults.add(in_the_middle)
    interrupted_in = [house.killed_night(FIRST, is_time, pause) for is_time, pause in moments]
    first = house.night(FIRST)
    house.shops["zurich"].faults.add(Fault("not_json", path="/orders", times=None))
    blind = house.night(BETWEEN, without="zurich")
    house.shops["zurich"].faults.clear()
    house.change(town.changed(house.scene))
    house.shops["newyork"].faults.add(Fault("500", path="/orders", times=2), Fault("reset_mid_body", path="/customers"))
    house.shops["zurich"].faults.add(Fault("429", path="/orders", retry_after=1))
    house.esp.faults.add(
        Fault("429", path="/suppression/", retry_after=1, style="reset_epoch"),
        Fault("503", path="/marketing/contacts$", method="PUT", performed=True),
        Fault("500", path="/lists/.*/contacts", method="DELETE"),
    )
    return interrupted_in, first, blind, house.night(SECOND)


@pytest.fixture(scope="module")
def nights(new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Nights:
    """All nights of this file, the two towns beside each other."""
    scene = town.town()
    with ExitStack() as stack:
        calm, troubled = (
            stack.enter_context(Installation(scene, new_database(), tmp_path_factory.mktemp("town")).open())
            for _ in range(2)
        )
        with ThreadPoolExecutor(2) as pool:
            of_calm, of_troubled = pool.submit(undisturbed, calm), pool.submit(disturbed, troubled)
            first, second, again = of_calm.result()
            return Nights(first, second, again, *of_troubled.result())


def _by_person(rows: Rows, *columns: str) -> dict[UUID, Any]:
    return {row["person_id"]: tuple(row[column] for column in columns) for row in rows}


def but_for_corrections(marts: dict[str, Rows]) -> dict[str, Rows]:
    """Without what the blind night in between makes a late finding: its day had been told without one shop."""
    late = {"stage_transitions": ("cause", "corrected_on"), "customers": ("is_late_entry",)}
    return {
        name: [{column: value for column, value in row.items() if column not in late.get(name, ())} for row in rows]
        for name, rows in marts.items()
    }


def test_undisturbed_nights_succeed(nights: Nights) -> None:
    for night in (nights.first, nights.second, nights.again, nights.first_after_kills, nights.second_under_faults):
        assert night.returncode == 0, night.log[-3000:]


def test_persons_purchases_and_orders_of_nobody_are_those_of_the_recount(nights: Nights) -> None:
    for night in (nights.first, nights.second, nights.blind):
        people, unassigned = town.recount(night.scene, night.run_date)
        assert unassigned
        assert {row["order_id"] for row in night.marts["unassigned_orders"]} == unassigned
        assert _by_person(night.marts["persons"], "email", "first_seen_on") == {
            key: (who.email, who.first_seen_on) for key, who in people.items()
        }
        found = {
            (row["person_id"], row["shop"], row["business_day"]): (row["orders"], row["net"])
            for row in night.marts["purchase_days"]
        }
        assert found == {
            (key, *day): (len(sums), sum(sums, Decimal(0)))
            for key, who in people.items()
            for day, sums in who.days.items()
        }


def test_everybody_is_in_the_stage_of_the_recount_on_every_day(nights: Nights) -> None:
    for night in (nights.first, nights.second, nights.blind):
        people, until = night.on_run_date(), night.run_date + timedelta(days=town.LOST + 5)
        found: dict[UUID, dict[date, str]] = {key: {} for key in people}
        for row in night.marts["stage_intervals"]:
            end = row["valid_to"] or until + timedelta(days=1)
            for number in range((end - row["valid_from"]).days):
                found[row["person_id"]][row["valid_from"] + timedelta(days=number)] = row["stage"]
        assert found == {key: who.history(until) for key, who in people.items()}
        stages = {key: stage for key, (stage,) in _by_person(night.marts["customers"], "stage").items()}
        assert stages == {key: who.stage(night.run_date) for key, who in people.items()}


def test_transitions_and_daily_counts_are_those_of_the_recount(nights: Nights) -> None:
    for night in (nights.first, nights.second, nights.blind):
        heads: Counter[tuple[date, str]] = Counter()
        moves = set()
        for key, who in night.on_run_date().items():
            before: str | None = None
            for day, stage in who.history(night.run_date).items():
                heads[day, stage] += 1
                if stage != before:
                    moves.add((key, before, stage, day))
                before = stage
        columns = ("person_id", "from_stage", "to_stage", "occurred_on")
        rows = [tuple(row[column] for column in columns) for row in night.marts["stage_transitions"]]
        assert {row for row in rows if row[3] <= night.run_date} == moves
        counts = {(row["day"], row["stage"]): row["persons"] for row in night.marts["stage_daily"] if row["persons"]}
        assert counts == heads


def test_audiences_and_the_providers_lists_hold_exactly_those_of_the_recount(nights: Nights) -> None:
    known = (nights.first.on_run_date(), FIRST)
    for night, before in ((nights.first, ()), (nights.second, (known,))):
        people = night.on_run_date()
        expected = set(town.members(night.scene, people, night.run_date, *before))
        found = {(row["audience"], row["person_id"], row["is_holdout"]) for row in night.marts["audience_members"]}
        assert found == expected
        assert {audience for audience, _, _ in expected} == set(town.AUDIENCES)
        wanted: dict[str, set[str | None]] = {rule["list"]: set() for rule in town.AUDIENCES.values()}
        for audience, key, is_held_out in expected:
            if not is_held_out and people[key].email not in town.WRONG:
                wanted[town.AUDIENCES[audience]["list"]].add(people[key].email)
        wanted["Town: regulars"].add("by-hand@example.com")
        assert night.on_lists == wanted


def test_contacts_carry_the_stage_and_the_orders_of_the_recount(nights: Nights) -> None:
    for night in (nights.first, nights.second):
        people = {who.email: who for who in night.on_run_date().values()}
        for email in set().union(*night.on_lists.values()) - {"by-hand@example.com"}:
            fields = night.held[email][0]
            assert fields["lifecycle_stage"] == people[email].stage(night.run_date)
            assert fields["lifecycle_orders"] == people[email].orders


def test_nobody_suppressed_is_on_a_list_and_who_unsubscribes_leaves_all(nights: Nights) -> None:
    before = set().union(*nights.first.on_lists.values())
    new = {email for _, email, _ in nights.second.scene.suppressions[-3:]}
    assert new <= before
    for night in (nights.first, nights.second, nights.second_under_faults):
        suppressed = {email.lower() for _, email, _ in night.scene.suppressions}
        assert not suppressed & set().union(*night.on_lists.values())


def test_addresses_that_the_provider_refuses_are_put_aside_with_its_message(nights: Nights) -> None:
    for night in (nights.first, nights.second, nights.second_under_faults):
        assert night.rejected == {(email, f"email '{email}' is not valid") for email in town.WRONG}


def test_the_same_night_again_writes_nothing_and_changes_nothing(nights: Nights) -> None:
    assert nights.second.written[CONTACTS]
    assert nights.again.written == {}
    assert nights.again.held == nights.second.held
    assert nights.again.marts == nights.second.marts


def test_a_night_killed_in_every_part_ends_like_an_undisturbed_one(nights: Nights) -> None:
    assert nights.interrupted_in[:3] == ["extract", "transform", "deliver"]
    assert nights.interrupted_in[3] in {"resolve_open_jobs", "plan", "deliver"}
    assert nights.first_after_kills.marts == nights.first.marts
    assert nights.first_after_kills.held == nights.first.held
    assert nights.first_after_kills.rejected == nights.first.rejected


def test_without_one_source_the_stages_are_derived_and_nothing_is_sent(nights: Nights) -> None:
    assert nights.blind.returncode
    assert "zurich, stream orders, page 1: " in nights.blind.log
    assert nights.blind.written == {}
    assert nights.blind.held == nights.first_after_kills.held
    assert nights.blind.marts["customers"][0]["as_of"] == BETWEEN


def test_the_night_after_goes_on_and_faults_of_the_others_change_nothing(nights: Nights) -> None:
    assert but_for_corrections(nights.second_under_faults.marts) == but_for_corrections(nights.second.marts)
    assert nights.second_under_faults.held == nights.second.held


def test_no_log_holds_an_address(nights: Nights) -> None:
    addresses = {who.email for who in nights.second.on_run_date().values() if who.email and "@example.com" in who.email}
    for night in (nights.first, nights.second, nights.blind, nights.second_under_faults):
        assert not [address for address in addresses if address in night.log]
