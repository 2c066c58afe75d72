"""The sweep and the check of connections, run by Airflow itself against the demo servers."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
import yaml

from demo import airflow_home
from demo.esp import Esp, Pace
from demo.shop import Shop
from lifecycle import extract, settings
from lifecycle.testing.cases import RUN_DATE
from lifecycle.testing.server import running
from tests import prepared
from tests.databases import NewDatabase
from tests.night import town
from tests.sources.vendors import CASES, SHOP

ORDERS = CASES[0]
SETTINGS_OF_OTHERS = ("AIRFLOW", "LIFECYCLE", "DBT_", "COSMOS")


@dataclass
class House:
    """A shop, a provider, a warehouse and an Airflow."""

    database: str
    shop: Shop
    esp: Esp
    environment: dict[str, str]

    def run(self, dag: str, *options: str) -> tuple[int, str]:
        """Run a DAG to its end: its return code and its log, which holds nothing private."""
        command = [sys.executable, "-m", "airflow", "dags", "test", dag, f"{RUN_DATE}", *options]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False, timeout=300)
        log = done.stdout + done.stderr
        assert not [word for word in ("cs_demo", "SG.demo", "@example.com") if word in log]
        return done.returncode, log

    def marked(self) -> list[str]:
        with psycopg.connect(self.database) as database:
            found = database.execute("select id from raw.woocommerce__orders where is_deleted order by id")
            return [key for (key,) in found]


@pytest.fixture(scope="module")
def house(new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    home, database = tmp_path_factory.mktemp("house"), new_database()
    shop, esp = ORDERS.vendor(12), Esp(pace=Pace(polls=0, seconds=None))
    esp.add_contact("p1@example.com", lists=["Newsletter"], created_at=datetime(2017, 12, 1, tzinfo=UTC))
    shops: Any = town.RULES["shops"]
    one_shop = {"newyork": shops["newyork"]}
    config = home / "vars.yml"
    config.write_text(yaml.safe_dump({"vars": {"lifecycle": {**town.RULES, "shops": one_shop}}}))
    with ExitStack() as stack:
        shop_at, esp_at = (stack.enter_context(running(server.app)) for server in (shop, esp))
        own = airflow_home.environment(
            home / "airflow",
            {
                "warehouse": database,
                "shop_newyork": airflow_home.http_connection(shop_at, login="ck_demo", password="cs_demo"),
                "provider": airflow_home.http_connection(esp_at, password="SG.demo"),
            },
        )
        others = {name: value for name, value in os.environ.items() if not name.startswith(SETTINGS_OF_OTHERS)}
        prepared.migrate(own)
        extract.prepare(database)
        at = settings.Connection("shop", host=shop_at, login="ck_demo", password="cs_demo")
        extract.run(database, "newyork", SHOP, at, RUN_DATE)
        here = {"LIFECYCLE_CONFIG": f"{config}", "LIFECYCLE_WORK": f"{home}", "TMPDIR": f"{home}"}
        yield House(database, shop, esp, {**others, **own, **here})


def test_connections_that_are_well_are_found_well_and_nothing_is_written(house: House) -> None:
    before = house.esp.contacts(), house.esp.lists(), house.esp.fields(), house.esp.jobs()
    returncode, log = house.run("check_connections")
    assert returncode == 0, log[-3000:]
    assert (house.esp.contacts(), house.esp.lists(), house.esp.fields(), house.esp.jobs()) == before


def test_what_is_missing_is_told_by_the_task_that_misses_it(house: House) -> None:
    wrong = house.environment["AIRFLOW_CONN_PROVIDER"].replace("SG.demo", "SG.demo-read-only")
    house.environment["AIRFLOW_CONN_PROVIDER"], right = wrong, house.environment["AIRFLOW_CONN_PROVIDER"]
    try:
        returncode, log = house.run("check_connections")
    finally:
        house.environment["AIRFLOW_CONN_PROVIDER"] = right
    assert returncode
    assert "AccessDenied: destination: rights are missing: Marketing: full access" in log


def test_a_sweep_marks_what_vanished_and_more_than_allowed_only_on_request(house: House) -> None:
    assert ORDERS.take
    ORDERS.take(house.shop, 3)
    returncode, log = house.run("lifecycle_detect_deletions")
    assert returncode == 0, log[-3000:]
    assert house.marked() == ["newyork/3"]
    for n in range(1, 13):
        ORDERS.take(house.shop, n)
    returncode, log = house.run("lifecycle_detect_deletions")
    assert returncode
    assert "GuardTripped: newyork: orders: 11 of 11 are not there any more" in log
    assert house.marked() == ["newyork/3"]
    returncode, log = house.run("lifecycle_detect_deletions", "--conf", '{"accept_loss": true}')
    assert returncode == 0, log[-3000:]
    assert len(house.marked()) == 12
