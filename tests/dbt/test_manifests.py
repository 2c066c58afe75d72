"""What the tests share: dbt parses the project alike for all settings that connect the same kinds of sources."""

from datetime import date
from typing import Any

import pytest
from dbt.contracts.graph.manifest import Manifest

from lifecycle import transform
from lifecycle.settings import DBT_PROJECT
from tests.dbt import builds, stage_nights
from tests.dbt.documents import Night
from tests.dbt.manifests import parse, parsed_by
from tests.dbt.test_every_kind_of_shop import VARIABLES

pytestmark = [pytest.mark.dbt, pytest.mark.parse]

RUN_DATE = date(2017, 12, 31)


def shape(manifest: Manifest) -> dict[str, Any]:
    """Everything that is there or switched off, and how it is configured."""
    nodes = {**manifest.nodes, **manifest.sources, **manifest.unit_tests}
    return {**{name: node.config.to_dict() for name, node in nodes.items()}, "disabled": {*manifest.disabled}}


def parents(manifest: Manifest) -> dict[str, set[str]]:
    return {name: {*node.depends_on_nodes} for name, node in manifest.nodes.items() if node.resource_type != "seed"}


@pytest.mark.parametrize(
    "variables",
    [
        builds.variables(Night(RUN_DATE, {}, max_days=7, by="orders")),
        transform.variables(stage_nights.rules(), RUN_DATE),
        VARIABLES,
    ],
    ids=["several shops and providers", "learnt rule sets", "every kind of shop"],
)
def test_what_is_parsed_depends_on_the_kinds_of_sources_alone(variables: dict[str, Any]) -> None:
    shared, own = parse(DBT_PROJECT, parsed_by(variables)), parse(DBT_PROJECT, variables)
    assert shape(shared) == shape(own)
    assert {name: more for name, ids in parents(own).items() if (more := ids - parents(shared)[name])} == {}
