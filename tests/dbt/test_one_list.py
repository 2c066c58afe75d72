"""What Python and dbt both have to know stands once in each, and both say the same."""

import csv
import json
import re
from collections.abc import Callable
from datetime import date
from typing import Any, NamedTuple

import pytest
from dbt.contracts.graph.nodes import GenericTestNode

from lifecycle import settings, transform
from lifecycle.settings import (
    DBT_PROJECT,
    GREETING_COLUMNS,
    PUSHABLE_COLUMNS,
    STAGES,
    STANDARD_COLUMNS,
    Contactable,
)
from tests.dbt.builds import Warehouse

pytestmark = pytest.mark.dbt

SHIPPED = settings.load(DBT_PROJECT / "vars.yml")
LISTS = """{{ tojson({
    'stages': stages(), 'standard': standard_columns(), 'greeting': greeting_columns(),
    'booleans': boolean_columns(), 'words': contactable_words(), 'fields': contact_fields()
}) }}"""
TYPES = {"Text": {"text", "boolean"}, "Number": {"integer", "numeric"}, "Date": {"date"}}


class Parsed(NamedTuple):
    """What dbt made of the shipped project."""

    lists: dict[str, Any]
    manifest: Any


@pytest.fixture(scope="module")
def parsed(new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Parsed:
    project = Warehouse(new_database(), tmp_path_factory.mktemp("dbt"))
    project.prepare()
    lists = json.loads(project.compiled(LISTS, transform.variables(SHIPPED, date(2017, 12, 31))))
    return Parsed(lists, project.manifests[0])


def test_the_stages_are_the_same_in_python_in_dbt_and_in_the_words_of_the_frameworks(parsed: Parsed) -> None:
    with (DBT_PROJECT / "seeds" / "lifecycle_frameworks.csv").open(encoding="utf-8") as file:
        named = [row["stage"] for row in csv.DictReader(file)]
    assert parsed.lists["stages"] == [*STAGES] == [*dict.fromkeys(named)]


def test_no_other_list_of_stages_stands_in_dbt(parsed: Parsed) -> None:
    accepted = [
        node.name
        for node in parsed.manifest.nodes.values()
        if isinstance(node, GenericTestNode) and {*STAGES} <= {*node.test_metadata.kwargs.get("values", ())}
    ]
    assert accepted == []
    files = [path for path in DBT_PROJECT.glob("m*/**/*.sql") if "unit_tests" not in path.name]
    lists = [path.name for path in files if re.search(r"\W+".join(STAGES), path.read_text(encoding="utf-8"))]
    assert lists == ["stages.sql"]


def test_a_contact_carries_in_dbt_what_the_provider_is_told_to_expect(parsed: Parsed) -> None:
    assert parsed.lists["standard"] == [*STANDARD_COLUMNS]
    assert parsed.lists["greeting"] == [*GREETING_COLUMNS]
    named = re.findall(r"'(\w+)',\s*(?:customers\.|case|'contactable')", parsed.lists["fields"])
    assert {*named} == {*SHIPPED.custom_fields()}


def test_the_words_for_who_may_be_contacted_are_the_same_in_python_and_in_dbt(parsed: Parsed) -> None:
    assert parsed.lists["words"] == Contactable.__members__


def test_every_column_to_push_is_one_of_customers_and_of_its_type(parsed: Parsed) -> None:
    columns = parsed.manifest.nodes["model.lifecycle.customers"].columns
    types = {name: columns[name].data_type.partition("(")[0] for name in PUSHABLE_COLUMNS}
    assert {name: kind for name, kind in types.items() if kind not in TYPES[PUSHABLE_COLUMNS[name]]} == {}
    assert [name for name, kind in types.items() if kind == "boolean"] == parsed.lists["booleans"]
