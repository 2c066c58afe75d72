"""Every schema's name may have a prefix, so that Lifecycle lives beside schemas that others have called so."""

import ast
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from psycopg import sql

from lifecycle import warehouse
from lifecycle.errors import SettingsInvalid
from lifecycle.page.figures import deliveries
from lifecycle.page.filters import Filters
from lifecycle.page.marts import Marts
from lifecycle.settings import EXPECTATIONS
from lifecycle.testing.server import AppHost
from tests.world import LISTS, RULESET, RUN_DATE, Person, World, rules

LIFECYCLE = Path(__file__).parents[1] / "plugins" / "lifecycle"
PREFIX = "crm_"
NAMES = "|".join(warehouse.SCHEMAS)
# what comes before a table or a function in SQL
UNMARKED = re.compile(
    rf"\b(?:from|join|into|update|table|only|view|copy|lock|on|references|function|schema|truncate|select|exists)\s+"
    rf"(?:if not exists\s+)?(?:{NAMES})\.[a-z_{{%]|,\s*(?:{NAMES})\.[a-z_]+\s*(?:,|$)",
    re.IGNORECASE | re.MULTILINE,
)
ADA = Person("ada@example.com", ["vip"])
NOON = datetime(2017, 12, 31, 12, tzinfo=UTC)


def texts(module: Path) -> Iterator[str]:
    """Every text in a module but its docstrings."""
    tree = ast.parse(module.read_text())
    documented = (node for node in ast.walk(tree) if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef))
    docstrings = {first.value for first in (node.body[0] for node in documented) if isinstance(first, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in docstrings:
            yield node.value


@pytest.mark.parametrize(
    "module", sorted(LIFECYCLE.rglob("*.py")), ids=lambda path: path.relative_to(LIFECYCLE).as_posix()
)
def test_sql_in_a_module_names_schemas_by_markers(module: Path) -> None:
    assert [found[0] for text in texts(module) for found in UNMARKED.finditer(text)] == []


@pytest.mark.parametrize("file", sorted(LIFECYCLE.rglob("*.sql")), ids=lambda path: path.name)
def test_a_file_of_sql_names_schemas_by_markers(file: Path) -> None:
    assert [found[0] for found in UNMARKED.finditer(re.sub(r"--.*", "", file.read_text()))] == []


@pytest.mark.parametrize("file", sorted(EXPECTATIONS.rglob("*.yml")), ids=lambda path: path.name)
def test_an_expectation_names_schemas_by_markers(file: Path) -> None:
    meta = yaml.safe_load(file.read_text())["meta"]
    statements = [meta["query"], meta.get("parameters") or ""]
    assert [found[0] for each in statements for found in UNMARKED.finditer(each)] == []


def test_a_schema_without_its_marker_is_noticed() -> None:
    assert UNMARKED.search("select 1 from\n    marts.customers")
    assert UNMARKED.search("update delivery.run set")
    assert not UNMARKED.search("select run.run_id from $delivery.run where raw.id = 1")


def test_a_marker_becomes_a_name_and_nothing_else_is_touched(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "select '{}', $1, '$.raw', $$raw$$, $raw$x$raw$, $rawer, %(raw)s from $raw.pull, $marts.x"
    assert warehouse.resolved_text(text) == text.replace("$raw.pull", "raw.pull").replace("$marts.x", "marts.x")
    monkeypatch.setenv("LIFECYCLE_SCHEMA_PREFIX", PREFIX)
    assert warehouse.resolved_text("$raw.pull '$delivery'") == "crm_raw.pull 'crm_delivery'"


def test_values_and_identifiers_like_a_marker_stay(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIFECYCLE_SCHEMA_PREFIX", PREFIX)
    statement = sql.SQL("select {}, '$raw' as {}, %s").format("$raw.pull", sql.Identifier("$raw"))
    with warehouse.connect(database_url) as connection:
        cursor = connection.execute(statement, ["$marts.x"])
        assert cursor.fetchall() == [("$raw.pull", "crm_raw", "$marts.x")]
        assert cursor.description
        assert cursor.description[1].name == "$raw"


@pytest.mark.parametrize("prefix", ["CRM_", "1crm", "crm-", "crm.", " ", "c" * 32])
def test_what_is_not_a_prefix_is_refused(prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIFECYCLE_SCHEMA_PREFIX", prefix)
    with pytest.raises(
        SettingsInvalid, match=r"LIFECYCLE_SCHEMA_PREFIX: .* is not a valid prefix; it must be at most 31"
    ):
        warehouse.schema_name("raw")


def tables(url: str) -> dict[str, set[str]]:
    """Schema → its tables."""
    with warehouse.connect(url) as connection:
        rows = connection.execute(
            "select schemaname, array_agg(tablename::text) from pg_tables"
            " where schemaname !~ '^(pg_|information)' group by 1"
        )
        return {schema: set(names) for schema, names in rows}


def counts(url: str, *names: str) -> list[int]:
    with warehouse.connect(url) as connection:
        rows = [connection.execute(f"select count(*) from {name}".encode()).fetchone() for name in names]
        return [row[0] for row in rows if row]


def test_a_night_with_a_prefix_leaves_the_schemas_without_one_alone(
    database_url: str, provider_host: AppHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    streams = [("woocommerce", "orders")]
    beside = World(database_url, provider_host)
    warehouse.prepare(database_url, streams)
    before = tables(database_url)
    monkeypatch.setenv("LIFECYCLE_SCHEMA_PREFIX", PREFIX)
    world = World(database_url, provider_host)
    warehouse.prepare(database_url, streams)
    assert tables(database_url) == {**before, **{f"{PREFIX}{schema}": names for schema, names in before.items()}}

    landed = warehouse.schema_name("landing_demo")
    with warehouse.connect(database_url) as connection:
        connection.execute(f"create schema {landed}".encode())
        connection.execute(f"create table {landed}.woocommerce__orders (like $raw.woocommerce__orders)".encode())
        connection.execute(
            f"insert into {landed}.woocommerce__orders values ('demo/1', 'demo', now(), '{{}}', now(), false)".encode()
        )
        pull = warehouse.Pull("demo", "orders", RUN_DATE, NOON, NOON, pages=1, documents=1, cursor_at=NOON)
        assert warehouse.merge(connection, "woocommerce", landed, pull) == 1
    assert warehouse.cursors(database_url, "demo") == {"orders": NOON}

    world.want(ADA)
    assert world.night() == {"planned": 1, "sent": 1, "confirmed": 1, "rejected": 0}
    assert world.held() == {ADA.email: ({"lifecycle_stage": "active"}, ["VIP"])}
    with warehouse.acting_as(database_url, "lifecycle_figures") as connection:
        filters = Filters(RUN_DATE, RUN_DATE, "all", RULESET, "stage", "en")
        shown = deliveries.read(Marts.of(connection), rules(), filters)
    assert sorted(each.list_name for each in shown.audiences) == sorted(LISTS.values())

    moved = ("raw.woocommerce__orders", "delivery.run", "delivery.ledger", "delivery.job")
    assert counts(database_url, *(f"${name}" for name in moved)) == [1, 1, 1, 1]
    assert counts(database_url, *moved) == [0, 0, 0, 0]
    beside.database.close()
    world.database.close()
