"""One person buys at shops of every kind: each order counts once, in the same words, and goes when it is deleted."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest

from lifecycle import transform, warehouse
from lifecycle.sources import document_streams
from tests.databases import NewDatabase
from tests.dbt.builds import Warehouse
from tests.dbt.test_unit_tests import with_every_kind_of_shop

pytestmark = pytest.mark.dbt

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


@pytest.fixture
def url(new_database: NewDatabase) -> str:
    url = new_database()
    warehouse.prepare(url, document_streams())
    return url


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


def test_orders_of_every_kind_of_shop_make_one_history(url: str, tmp_path: Path) -> None:
    variables = transform.variables(with_every_kind_of_shop(), date(2017, 12, 31))
    house = Warehouse(url, tmp_path)
    house.prepare()
    for kind, document in ORDERS.items():
        land(url, kind, document)
    assert house.dbt("build", "--exclude-resource-type", "unit_test", variables=variables) == []
    shops = ["demo", "a_shopify", "a_shopware", "a_files", "a_sql"]
    assert purchases(url) == [(date(2017, 12, day), shop) for day, shop in enumerate(shops, 1)]
    land(url, "shopware", ORDERS["shopware"], is_deleted=True)
    assert house.dbt("run", "--select", "+purchase_days", "+persons", variables=variables) == []
    assert [shop for _, shop in purchases(url)] == [shop for shop in shops if shop != "a_shopware"]


@pytest.mark.parametrize("column", ["is_test", "payment_method"])
def test_a_column_that_the_tables_of_an_earlier_version_lack_is_filled(column: str, url: str, tmp_path: Path) -> None:
    variables = transform.variables(with_every_kind_of_shop(), date(2017, 12, 31))
    house = Warehouse(url, tmp_path)
    house.prepare()
    for kind, document in ORDERS.items():
        land(url, kind, document)
    run = ["run", "--select", "+int_shop_orders"]
    assert house.dbt(*run, variables=variables) == []
    with psycopg.connect(url, autocommit=True) as connection:
        orders = connection.execute("select * from intermediate.int_shop_orders order by shop").fetchall()
        assert len(orders) == len(ORDERS)
        connection.execute(f"alter table staging.stg_woocommerce__orders drop column {column} cascade")
        connection.execute("comment on table staging.stg_woocommerce__orders is 'made by other SQL'")
        assert house.dbt(*run, variables=variables) == []
        assert connection.execute("select * from intermediate.int_shop_orders order by shop").fetchall() == orders
