"""Shops, provider, warehouse and Airflow of the town, where the real DAG runs, and what each night leaves behind."""

import csv
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import yaml

from demo import airflow_home
from demo.esp import Esp
from demo.shop import Shop
from lifecycle.settings import DBT_PROJECT
from lifecycle.testing.server import running
from tests import prepared
from tests.contracts.requests import Recorder
from tests.night import town
from tests.night.town import Scene

PRODUCT = {
    "id": 1,
    "name": "Tea",
    "categories": [{"id": 1, "name": "Drinks"}],
    "date_created_gmt": "2016-01-01T00:00:00",
}
GROUP = 5
READING_POSTS = ("/v3/marketing/contacts/exports", "/v3/marketing/contacts/search/emails")
CONTACTS = "PUT /v3/marketing/contacts"
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
    """What a night left behind: marts, the provider's contacts with fields and lists, refused rows, writing calls.

    ``unfit`` says why requests to the provider, of this night or before, don't fit its contract.
    """

    scene: Scene
    run_date: date
    returncode: int
    log: str
    marts: dict[str, Rows]
    held: Held
    on_lists: dict[str, set[str]]
    rejected: set[tuple[str, str]]
    written: dict[str, int]
    unfit: list[str]

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
        self.recorder = Recorder(self.esp.app)
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
            address = stack.enter_context(running(self.recorder))
            connections["provider"] = airflow_home.http_connection(address, password="SG.demo")
            own = airflow_home.environment(self.home / "airflow", connections)
            others = prepared.environment_of_nobody()
            here = {
                "LIFECYCLE_CONFIG": f"{config}",
                "LIFECYCLE_DBT_PROJECT": f"{_models_of_the_town(self.home / 'dbt_project')}",
                "LIFECYCLE_WORK": f"{self.home}",
                "TMPDIR": f"{self.home}",
            }
            self.environment = {**others, **own, **here}
            prepared.migrate(own)
            yield self

    def _show(self, orders: Any, before: Any) -> None:
        for shop, documents in orders.items():
            for each in documents:
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
            unfit=self.recorder.unfit(),
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
