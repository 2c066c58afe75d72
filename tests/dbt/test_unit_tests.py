"""dbt's unit tests, which stand beside the models that they are about."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from lifecycle import settings, transform, warehouse
from lifecycle.sources import STREAMS
from tests.dbt.builds import Warehouse

pytestmark = pytest.mark.dbt


def test_every_model_does_what_its_unit_tests_say(new_database: Callable[[], str], tmp_path: Path) -> None:
    url = new_database()
    variables = transform.variables(settings.load(settings.DBT_PROJECT / "vars.yml"), date(2017, 12, 31))
    house = Warehouse(url, tmp_path)
    house.prepare()
    warehouse.prepare(url, [(kind, stream) for kind, streams in STREAMS.items() for stream in streams])
    nothing = ["--exclude-resource-type", "unit_test", "--exclude-resource-type", "test"]
    assert house.dbt("build", *nothing, variables=variables) == []
    assert house.dbt("test", "--select", "test_type:unit", variables=variables) == []
