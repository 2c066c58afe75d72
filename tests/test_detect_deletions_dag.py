"""The detection of deletions and the check of connections, run by Airflow itself against the demo servers."""

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
from tests.dag_process import DagProcess, dag_process
from tests.databases import NewDatabase
from tests.night import town
from tests.sources.vendors import CASES, SHOP

ORDERS = CASES[0]


@dataclass
class House:
    """A shop, a provider, a warehouse and an Airflow."""

    database: str
    shop: Shop
    esp: Esp
    esp_at: str
    airflow: DagProcess

    def run(self, dag: str, *, key: str = "SG.demo", **conf: object) -> tuple[str, str]:
        """Run a DAG to its end, with a key of the provider: its state and its log, which holds nothing private."""
        provider = airflow_home.http_connection(self.esp_at, password=key)
        state, log = self.airflow.run(dag, RUN_DATE, conf, AIRFLOW_CONN_PROVIDER=provider)
        assert not [word for word in ("cs_demo", "SG.demo", "@example.com") if word in log]
        return state, log

    def marked(self) -> list[str]:
        with psycopg.connect(self.database) as database:
            ids = database.execute("select id from raw.woocommerce__orders where is_deleted order by id")
            return [key for (key,) in ids]


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
            },
        )
        others = prepared.environment_of_nobody()
        prepared.migrate(own)
        extract.prepare(database)
        at = settings.Connection("shop", host=shop_at, login="ck_demo", password="cs_demo")
        extract.run(database, "newyork", SHOP, at, RUN_DATE)
        here = {"LIFECYCLE_CONFIG": f"{config}", "LIFECYCLE_WORK": f"{home}", "TMPDIR": f"{home}"}
        airflow = stack.enter_context(dag_process({**others, **own, **here}))
        yield House(database, shop, esp, esp_at, airflow)


def test_connections_that_are_well_are_found_well_and_nothing_is_written(house: House) -> None:
    before = house.esp.contacts(), house.esp.lists(), house.esp.fields(), house.esp.jobs()
    state, log = house.run("check_connections")
    assert state == "success", log[-3000:]
    assert (house.esp.contacts(), house.esp.lists(), house.esp.fields(), house.esp.jobs()) == before


def test_what_is_missing_is_told_by_the_task_that_misses_it(house: House) -> None:
    state, log = house.run("check_connections", key="SG.demo-read-only")
    assert state == "failed"
    assert "AccessDenied: destination: rights are missing: Marketing: full access" in log


def test_detecting_deletions_marks_what_vanished_and_more_than_allowed_only_on_request(house: House) -> None:
    assert ORDERS.take
    ORDERS.take(house.shop, 3)
    state, log = house.run("lifecycle_detect_deletions")
    assert state == "success", log[-3000:]
    assert house.marked() == ["newyork/3"]
    for n in range(1, 13):
        ORDERS.take(house.shop, n)
    state, log = house.run("lifecycle_detect_deletions")
    assert state == "failed"
    assert "GuardTripped: newyork: orders: 11 of 11 are not there any more" in log
    assert house.marked() == ["newyork/3"]
    state, log = house.run("lifecycle_detect_deletions", accept_loss=True)
    assert state == "success", log[-3000:]
    assert len(house.marked()) == 12
