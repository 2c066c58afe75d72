"""A project with a shop of each kind: every model is there, does what its unit tests say, and gives one history."""

import json
import re
from datetime import date
from typing import Any

import psycopg
import pytest

from lifecycle import settings, transform, warehouse
from lifecycle.sources import document_streams
from tests.databases import NewDatabase
from tests.dbt.builds import Warehouse, build

pytestmark = pytest.mark.dbt

COLUMNS = {"order_id": "id", "ordered_at": "day", "total": "sum", "email": "mail"}
SHOPS: dict[str, dict[str, object]] = {
    "shopify": {"connection": "a"},
    "shopware": {"connection": "b"},
    "files": {"orders": {"files": "*.csv", "format": "csv", "columns": COLUMNS}},
    "sql": {"connection": "c", "orders": {"query": "select 1", "columns": COLUMNS}},
}
#: Compares every customer with what it knows, every night.
BY_COMPARISON = {"identity_map"}
#: What is closed is counted again when the SQL of the counts has changed.
COUNTS = {"int_scenario_months", "contact_gap_daily"}
COMPARES = r"changed_documents\(|is_filled_by_same_sql\(|mapped_(orders|customers)\("
ADA = "ada@example.com"
MONEY = {"shopMoney": {"amount": "10.00", "currencyCode": "EUR"}}
ORDERS: dict[str, dict[str, Any]] = {
    "woocommerce": {
        "id": 1,
        "status": "completed",
        "customer_id": 0,
        "currency": "EUR",
        "total": "10,00",
        "billing": {"email": ADA},
        "date_created_gmt": "2017-12-01T12:00:00",
    },
    "shopify": {
        "id": "gid://shopify/Order/1",
        "processedAt": "2017-12-02T12:00:00Z",
        "displayFinancialStatus": "PAID",
        "email": ADA.upper(),
        "totalPriceSet": MONEY,
        "currentTotalPriceSet": MONEY,
    },
    "shopware": {
        "id": "1",
        "orderDateTime": "2017-12-03T12:00:00.000+00:00",
        "amountTotal": 10,
        "currency": {"isoCode": "EUR"},
        "orderCustomer": {"email": ADA},
        "stateMachineState": {"technicalName": "open"},
        "transactions": [{"stateMachineState": {"technicalName": "paid"}}],
    },
    "files": {"order_id": "1", "ordered_at": "2017-12-04T12:00:00Z", "total": "10.00", "email": ADA},
    "sql": {"order_id": "1", "ordered_at": "2017-12-05T12:00:00Z", "total": "10.00", "email": ADA, "status": "paid"},
}


def with_every_kind_of_shop() -> settings.Settings:
    """The shipped file with a shop of each kind and a folder of events, so that every model is there."""
    shipped = settings.load(settings.DBT_PROJECT / "vars.yml").model_dump()
    for kind, about in SHOPS.items():
        shipped["shops"][f"a_{kind}"] = {"kind": kind, "timezone": "UTC", "currency": "EUR", **about}
    shipped["esp"]["event_files"] = "events"
    return settings.parse(shipped)


VARIABLES = transform.variables(with_every_kind_of_shop(), date(2017, 12, 31))


@pytest.fixture(scope="module")
def house(new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """An order in each kind of shop, built and tested."""
    house = Warehouse(new_database(), tmp_path_factory.mktemp("dbt"))
    house.prepare()
    warehouse.prepare(house.url, document_streams())
    for kind, document in ORDERS.items():
        land(house.url, kind, document)
    assert house.dbt(*build(), variables=VARIABLES) == []
    return house


def land(url: str, kind: str, document: dict[str, Any], *, is_deleted: bool = False) -> None:
    shop = "demo" if kind == "woocommerce" else f"a_{kind}"
    with psycopg.connect(url) as connection:
        connection.execute(
            f"insert into raw.{kind}__orders (id, source, doc, loaded_at, is_deleted) values (%s, %s, %s, now(), %s)"
            " on conflict (id) do update set loaded_at = now(), is_deleted = excluded.is_deleted",
            [f"{shop}/1", shop, json.dumps(document), is_deleted],
        )


def purchases(url: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        statement = "select business_day, shop from marts.purchase_days inner join marts.persons using (person_id)"
        return connection.execute(f"{statement} where email = %s order by 1", [ADA]).fetchall()


def test_every_model_does_what_its_unit_tests_say(house: Warehouse) -> None:
    assert house.dbt("test", "--select", "test_type:unit", variables=VARIABLES) == []


def test_what_all_kinds_of_shops_give_passes_the_data_tests(house: Warehouse) -> None:
    together = ["int_shop_orders", "int_shop_customers", "int_shop_products"]
    assert house.dbt("test", "--select", *together, "--exclude", "test_type:unit", variables=VARIABLES) == []


def test_orders_of_every_kind_of_shop_make_one_history(house: Warehouse) -> None:
    shops = ["demo", "a_shopify", "a_shopware", "a_files", "a_sql"]
    assert purchases(house.url) == [(date(2017, 12, day), shop) for day, shop in enumerate(shops, 1)]
    land(house.url, "shopware", ORDERS["shopware"], is_deleted=True)
    assert house.dbt("run", "--select", "+purchase_days", "+persons", variables=VARIABLES) == []
    assert [shop for _, shop in purchases(house.url)] == [shop for shop in shops if shop != "a_shopware"]


@pytest.mark.parametrize("column", ["is_test", "payment_method"])
def test_a_column_that_the_tables_of_an_earlier_version_lack_is_filled(column: str, house: Warehouse) -> None:
    with psycopg.connect(house.url, autocommit=True) as connection:
        orders = connection.execute("select * from intermediate.int_shop_orders order by shop").fetchall()
        assert len(orders) == len(ORDERS)
        connection.execute(f"alter table staging.stg_woocommerce__orders drop column {column} cascade")
        connection.execute("comment on table staging.stg_woocommerce__orders is 'made by other SQL'")
        models = ("stg_woocommerce__orders", "int_shop_orders")
        assert house.dbt("run", "--select", *models, variables=VARIABLES) == []
        assert connection.execute("select * from intermediate.int_shop_orders order by shop").fetchall() == orders


def test_every_model_that_keeps_rows_is_covered(house: Warehouse) -> None:
    models = {node.name: node for node in house.manifests[0].nodes.values() if node.resource_type == "model"}

    def covered(model: str) -> set[str]:
        ids = json.loads(house.compiled(f"{{{{ tojson(sql_texts('{model}') | list) }}}}", VARIABLES))
        return {name for kind, _, name in (unique_id.split(".") for unique_id in ids) if kind == "model"}

    keeping = {name for name, node in models.items() if node.config.materialized == "incremental"}
    derived_in_part = {name for name, node in models.items() if re.search(r"is_partial\(|is_affected\(", node.raw_code)}
    recorded = {
        name for name, node in models.items() if any("record_filling_sql" in h.sql for h in node.config.post_hook)
    }
    compared = {name for name, node in models.items() if re.search(COMPARES, node.raw_code)}
    assert {name for name in keeping if name.startswith("stg_")} <= recorded == compared
    assert derived_in_part <= covered("stage_builds")
    assert covered("int_scenario_months") >= COUNTS
    assert keeping - recorded - covered("stage_builds") == BY_COMPARISON | COUNTS
