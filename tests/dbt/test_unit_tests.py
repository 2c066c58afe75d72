"""dbt's unit tests, which stand beside the models that they are about."""

from datetime import date
from pathlib import Path

import pytest

from lifecycle import settings, transform, warehouse
from lifecycle.sources import document_streams
from tests.databases import NewDatabase
from tests.dbt.builds import Warehouse

pytestmark = pytest.mark.dbt

COLUMNS = {"order_id": "id", "ordered_at": "day", "total": "sum", "email": "mail"}
SHOPS: dict[str, dict[str, object]] = {
    "shopify": {"connection": "a"},
    "shopware": {"connection": "b"},
    "files": {"orders": {"files": "*.csv", "format": "csv", "columns": COLUMNS}},
    "sql": {"connection": "c", "orders": {"query": "select 1", "columns": COLUMNS}},
}


def with_every_kind_of_shop() -> settings.Settings:
    """The shipped file with a shop of each kind and a folder of events, so that every model is there."""
    shipped = settings.load(settings.DBT_PROJECT / "vars.yml").model_dump()
    for kind, about in SHOPS.items():
        shipped["shops"][f"a_{kind}"] = {"kind": kind, "timezone": "UTC", "currency": "EUR", **about}
    shipped["esp"]["event_files"] = "events"
    return settings.parse(shipped)


def test_every_model_does_what_its_unit_tests_say(new_database: NewDatabase, tmp_path: Path) -> None:
    url = new_database()
    variables = transform.variables(with_every_kind_of_shop(), date(2017, 12, 31))
    house = Warehouse(url, tmp_path)
    house.prepare()
    warehouse.prepare(url, document_streams())
    nothing = ["--exclude-resource-type", "unit_test", "--exclude-resource-type", "test"]
    assert house.dbt("build", *nothing, variables=variables) == []
    assert house.dbt("test", "--select", "test_type:unit", variables=variables) == []
