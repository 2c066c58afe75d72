"""One database holds several installations: a prefix goes before the name of every schema, and of nothing else."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest

from lifecycle import settings, transform, warehouse
from tests.dbt.builds import Warehouse
from tests.dbt.stage_nights import FULL

pytestmark = pytest.mark.dbt

#: As that of other tests: what dbt parses by it is shared.
PREFIX = FULL
MODELS = ["resource_type:seed", "path:models/staging", "int_shop_orders"]
SCHEMAS = "select nspname from pg_namespace where nspname !~ '^(pg_|information_schema|public)'"


def places(project: Warehouse) -> dict[str, tuple[str, str]]:
    """Node → where it stands."""
    manifest = project.manifests[0]
    nodes: dict[str, Any] = {**manifest.nodes, **manifest.sources}
    kept = ("model.", "seed.", "source.")
    return {key: (node.schema, node.identifier) for key, node in nodes.items() if key.startswith(kept)}


def test_two_installations_stand_beside_each_other(
    new_database: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = Warehouse(new_database(), tmp_path)
    variables = transform.variables(settings.load(settings.DBT_PROJECT / "vars.yml"), date(2017, 12, 31))
    project.prepare()
    standing = {}
    for prefix in ("", PREFIX):
        monkeypatch.setenv("LIFECYCLE_SCHEMA_PREFIX", prefix)
        warehouse.prepare(project.url, [])
        project.manifests.clear()
        build = [
            "build",
            "--exclude-resource-type",
            "unit_test",
            "--exclude-resource-type",
            "test",
            "--select",
            *MODELS,
        ]
        assert project.dbt(*build, variables=variables) == []
        standing[prefix] = places(project)
    assert standing[PREFIX] == {key: (PREFIX + schema, name) for key, (schema, name) in standing[""].items()}
    with psycopg.connect(project.url) as connection:
        schemas = {name for (name,) in connection.execute(SCHEMAS)}
    assert {"seeds", "staging", "intermediate", "second_seeds", "second_staging", "second_intermediate"} <= schemas
