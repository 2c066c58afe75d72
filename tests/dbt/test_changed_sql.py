"""Nobody has to remember a number: when SQL changes that kept rows come from, the next night makes them again."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest

from lifecycle import settings, transform, warehouse
from lifecycle.sources import document_streams
from tests.databases import NewDatabase
from tests.dbt.builds import Warehouse
from tests.dbt.stage_nights import ALL, COMPARED, FOUNDATION, SELECTED

pytestmark = pytest.mark.dbt

RUN_DATE = date(2017, 12, 31)
ORDERS = [
    ("1", "ada@example.com", "2017-12-01"),
    ("2", "ada@example.com", "2017-12-09"),
    ("3", "eve@example.com", "2017-11-02"),
]
ORDER = "models/staging/woocommerce/stg_woocommerce__orders.sql"
COUNTRY = "upper({{ clean_text(\"document.billing ->> 'country'\") }})"
PARSING, ADDRESSES = "macros/parse.sql", "macros/normalize_email.sql"
NORMALIZED = "normalized_email({{ text }})"


def land(url: str, number: str, email: str, day: str) -> None:
    document = {
        "status": "completed",
        "customer_id": 0,
        "currency": "USD",
        "total": "10.00",
        "billing": {"email": email, "country": "us"},
        "date_created_gmt": f"{day}T12:00:00",
    }
    with psycopg.connect(url) as connection:
        connection.execute(
            "insert into raw.woocommerce__orders (id, source, doc, loaded_at) values (%s, 'demo', %s, now())",
            [f"demo/{number}", json.dumps(document)],
        )


class Nights:
    """Nights of a project whose files somebody edits."""

    def __init__(self, url: str, folder: Path) -> None:
        self.house = Warehouse(url, folder)
        self.house.prepare()
        warehouse.prepare(url, document_streams())
        self.variables = transform.variables(settings.load(self.house.project / "vars.yml"), RUN_DATE)
        assert self.house.dbt("seed", variables=self.variables) == []

    def edit(self, path: str, text: str, other: str) -> None:
        file = self.house.project / path
        before = file.read_text()
        assert text in before
        file.write_text(before.replace(text, other))
        self.house.manifests.clear()

    def build(self, *options: str) -> None:
        models = ["--select", *FOUNDATION, *SELECTED]
        assert self.house.dbt("run", *models, *options, variables=self.variables) == []

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.house.url) as connection:
            return connection.execute(statement.encode()).fetchall()

    def was_whole(self) -> bool:
        return bool(self.query("select is_whole from marts.stage_builds order by build_id desc limit 1")[0][0])

    def rows(self) -> dict[str, list[str]]:
        tables = {**COMPARED, "stg_woocommerce__orders": "staging"}
        statement = "select cast(kept as text) from {}.{} as kept where {} order by 1"
        return {
            name: [row for (row,) in self.query(statement.format(schema, name, ALL.get(name, "true")))]
            for name, schema in tables.items()
        }


@pytest.fixture(scope="module")
def nights(new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory) -> Nights:
    nights = Nights(new_database(), tmp_path_factory.mktemp("dbt"))
    for order in ORDERS:
        land(nights.house.url, *order)
    nights.build()
    return nights


def test_a_night_after_a_change_of_sql_gives_what_a_full_build_gives(nights: Nights) -> None:
    nights.edit(ORDER, "        select\n            -- ids\n", "      select -- whose it is, and its 'number'\n")
    nights.edit(PARSING, "{# Seconds since 1970. #}", "{# Seconds since the beginning of 1970. #}")
    nights.build()
    assert not nights.was_whole()

    for path, text, other in [
        (ORDER, COUNTRY, COUNTRY.replace("upper", "lower")),
        (ADDRESSES, NORMALIZED, f"{NORMALIZED} || '!'"),
    ]:
        before = nights.rows()
        nights.edit(path, text, other)
        nights.build()
        assert nights.was_whole()
        assert nights.rows()["stg_woocommerce__orders"] != before["stg_woocommerce__orders"]
    derived = nights.rows()
    nights.build("--full-refresh")
    assert nights.rows() == derived


def test_a_change_of_sql_can_be_taken_back(nights: Nights) -> None:
    before = nights.rows()
    nights.edit(ORDER, "as lead_product_id,", "|| '!' as lead_product_id,")
    nights.edit(ORDER, "document.payment_method,", "'cash' as payment_method,")
    models = ["--select", "stg_woocommerce__orders"]
    assert nights.house.dbt("run", *models, variables=nights.variables) == []
    assert nights.rows()["stg_woocommerce__orders"] != before["stg_woocommerce__orders"]
    nights.edit(ORDER, "|| '!' as lead_product_id,", "as lead_product_id,")
    nights.edit(ORDER, "'cash' as payment_method,", "document.payment_method,")
    nights.build()
    assert nights.rows() == before
    assert not nights.was_whole()
