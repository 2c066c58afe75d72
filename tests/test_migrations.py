"""The warehouse's tables come from numbered files: each is applied once, whole, and in order, to old warehouses too."""

import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest

from lifecycle import warehouse
from lifecycle.errors import WarehouseMismatch
from lifecycle.warehouse import migrations
from tests.databases import NewDatabase

#: The tables of each release as its own code made them, and rows for all of them.
RELEASES = Path(__file__).with_name("migrations")
STREAMS = [("woocommerce", "orders")]
#: What ``int_delivered_messages`` calls a message's campaign.
CAMPAIGN = ("campaign_id", "campaign_name")
NUMBERS = range(1, len(migrations.known()) + 1)

COLUMNS = """
select relation.oid::regclass::text, relkind, attname, format_type(atttypid, atttypmod), attnotnull,
    attidentity, rank() over (partition by relation.oid order by attnum), pg_get_expr(adbin, adrelid),
    col_description(relation.oid, attnum), attacl::text
from pg_class as relation
inner join pg_attribute on attrelid = relation.oid and attnum > 0 and not attisdropped
left join pg_attrdef on adrelid = relation.oid and adnum = attnum
where relkind in ('r', 'v', 'S', 'm', 'p') and {ours}
"""
RELATIONS = """
select relation.oid::regclass::text, relkind, pg_get_viewdef(relation.oid), obj_description(relation.oid, 'pg_class'),
    (select string_agg(acl::text, ',' order by acl::text) from unnest(relacl) as acl)
from pg_class as relation where relkind in ('r', 'v', 'S', 'm', 'p') and {ours}
"""
INDEXES = "select pg_get_indexdef(relation.oid) from pg_class as relation where relkind = 'i' and {ours}"
CONSTRAINTS = """
select conrelid::regclass::text, conname, pg_get_constraintdef(relation.oid)
from pg_constraint as relation where {ours}
"""
FUNCTIONS = """
select pg_get_functiondef(relation.oid),
    (select string_agg(acl::text, ',' order by acl::text) from unnest(proacl) as acl)
from pg_proc as relation where {ours}
"""
SCHEMAS = """
select nspname, (select string_agg(acl::text, ',' order by acl::text) from unnest(nspacl) as acl)
from pg_namespace where {ours}
"""
OF_A_SCHEMA = "(select nspname from pg_namespace where pg_namespace.oid = {}) !~ '^(pg_|information_schema|public)'"
CATALOGUE = {
    "columns": COLUMNS.format(ours=OF_A_SCHEMA.format("relnamespace")),
    "relations": RELATIONS.format(ours=OF_A_SCHEMA.format("relnamespace")),
    "indexes": INDEXES.format(ours=OF_A_SCHEMA.format("relnamespace")),
    "constraints": CONSTRAINTS.format(ours=OF_A_SCHEMA.format("connamespace")),
    "functions": FUNCTIONS.format(ours=OF_A_SCHEMA.format("pronamespace")),
    "schemas": SCHEMAS.format(ours="nspname !~ '^(pg_|information_schema|public)'"),
}
TABLES = "select oid::regclass::text from pg_class where relkind = 'r' and " + OF_A_SCHEMA.format("relnamespace")


def rows(url: str, statement: str) -> list[tuple[Any, ...]]:
    with warehouse.connect(url) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def catalogue(url: str) -> dict[str, list[tuple[Any, ...]]]:
    return {subject: sorted(rows(url, statement), key=repr) for subject, statement in CATALOGUE.items()}


def row_counts(url: str) -> dict[str, int]:
    return {table: rows(url, f"select count(*) from {table}")[0][0] for (table,) in rows(url, TABLES)}


def applied(url: str) -> list[int]:
    return [number for (number,) in rows(url, "select number from migrations.applied order by 1")]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The migrations of another version, which begins as a copy of this one's."""
    copy = tmp_path / "migrations"
    shutil.copytree(migrations.FOLDER, copy)
    monkeypatch.setattr(migrations, "FOLDER", copy)
    return copy


def made_by(release: str, url: str) -> None:
    """A warehouse as a release has left it, with rows in every table."""
    for content in ("schema", "rows"):
        rows(url, (RELEASES / f"{content}_{release}.sql").read_text())


def made_by_the_first(number: int, url: str, folder: Path) -> None:
    """A warehouse as a version with so few migrations has left it; ``folder`` has all of them again."""
    texts = {file: file.read_text() for file in sorted(folder.iterdir())[number:]}
    for file in texts:
        file.unlink()
    with warehouse.connect(url, autocommit=True) as connection:
        migrations.migrate(connection)
    assert applied(url) == [*range(1, number + 1)]
    for file, text in texts.items():
        file.write_text(text)


@pytest.mark.parametrize("release", sorted(file.stem[len("schema_") :] for file in RELEASES.glob("schema_*.sql")))
def test_a_warehouse_of_a_release_becomes_as_a_new_one_and_keeps_its_rows(
    release: str, new_database: NewDatabase
) -> None:
    old, new = new_database(), new_database()
    made_by(release, old)
    before = row_counts(old)
    assert all(before.values()), "the fixture has rows for every table"
    warehouse.prepare(old, STREAMS)
    warehouse.prepare(new, STREAMS)
    assert catalogue(old) == catalogue(new)
    renamed = {"raw.sweep": "raw.deletion_check"}
    kept = {renamed.get(table, table): count for table, count in before.items()}
    names = ("list", "field", "doubt", "installation", "former_person")
    added = {f"delivery.{name}": 0 for name in names}
    assert row_counts(old) == {**kept, **added, "delivery.account": 1, "migrations.applied": len(NUMBERS)}


def test_what_a_release_has_stored_is_the_same_after_the_upgrade(database_url: str) -> None:
    made_by("0.1.0", database_url)
    tables = ["raw.pull", "quality.result", "delivery.plan", "delivery.audit", "statistics.ruleset_version"]
    stored = "select to_jsonb(stored)::text from {} as stored order by 1"
    before = {table: rows(database_url, stored.format(table)) for table in tables}
    check = rows(database_url, "select * from raw.sweep")
    confirmed = "select to_jsonb(ledger) - array['destination', 'account_id', 'absent_since'] from delivery.ledger"
    ledger = rows(database_url, confirmed)
    warehouse.prepare(database_url, STREAMS)
    assert rows(database_url, confirmed) == ledger
    belongs = "select destination, is_current from delivery.account join delivery.ledger using (account_id)"
    assert rows(database_url, belongs) == [("sendgrid", True)] * len(ledger)
    assert {table: rows(database_url, stored.format(table)) for table in tables} == before
    assert rows(database_url, "select * from raw.deletion_check") == check


@pytest.mark.parametrize("number", NUMBERS)
def test_a_warehouse_that_any_earlier_version_has_made_becomes_as_a_new_one(
    number: int, new_database: NewDatabase, folder: Path
) -> None:
    old, new = new_database(), new_database()
    warehouse.prepare(new, STREAMS)
    made_by_the_first(number, old, folder)
    warehouse.prepare(old, STREAMS)
    assert catalogue(old) == catalogue(new)


@pytest.mark.parametrize(("id_before", "name_before"), [("single_send_id", "single_send_name"), CAMPAIGN])
def test_delivered_messages_keep_their_rows_and_call_a_campaign_so(
    id_before: str, name_before: str, database_url: str, folder: Path
) -> None:
    made_by_the_first(7, database_url, folder)
    table = "intermediate.int_delivered_messages"
    for statement in [
        "create schema intermediate",
        f"create table {table} (message_id text, email text, {id_before} text, {name_before} text, delivered_on date)",
        f"insert into {table} values ('main/m1', null, 's1', 'Sale', '2017-06-04')",
        f"insert into {table} values ('main/m2', null, null, null, '2017-06-05')",
        f"create view intermediate.reader as select {name_before} from {table}",
    ]:
        rows(database_url, statement)
    before = rows(database_url, f"select * from {table} order by 1")
    warehouse.prepare(database_url, STREAMS)
    assert rows(database_url, f"select * from {table} order by 1") == before
    assert rows(database_url, f"select {', '.join(CAMPAIGN)} from {table} order by 1") == [("s1", "Sale"), (None, None)]
    assert rows(database_url, "select * from intermediate.reader order by 1") == [("Sale",), (None,)]


def test_a_migration_is_applied_once_and_with_what_it_is_known_by(database_url: str) -> None:
    for _ in range(2):
        warehouse.prepare(database_url, STREAMS)
    record = rows(database_url, "select number, name, checksum, applied_at < now() from migrations.applied order by 1")
    assert record == [(each.number, each.name, each.checksum, True) for each in migrations.known()]


def test_several_that_upgrade_at_once_apply_each_migration_once(database_url: str) -> None:
    made_by("0.1.0", database_url)
    with ThreadPoolExecutor() as pool:
        assert list(pool.map(lambda _: warehouse.prepare(database_url, STREAMS), range(4))) == [None] * 4
    assert applied(database_url) == [*NUMBERS]


def test_a_migration_that_fails_leaves_nothing_and_the_ones_before_stay(database_url: str, folder: Path) -> None:
    nth = len(NUMBERS) + 1
    (folder / f"{nth:04}_whole.sql").write_text("create table $raw.whole ();")
    broken = folder / f"{nth + 1:04}_broken.sql"
    broken.write_text("create table $raw.half (); select 1 / 0; create table $raw.other_half ();")
    with pytest.raises(psycopg.errors.DivisionByZero):
        warehouse.prepare(database_url, STREAMS)
    assert applied(database_url) == [*NUMBERS, nth]
    assert rows(database_url, "select to_regclass('raw.whole') is null, to_regclass('raw.half')") == [(False, None)]
    broken.write_text("create table $raw.half (); create table $raw.other_half ();")
    warehouse.prepare(database_url, STREAMS)
    assert applied(database_url) == [*NUMBERS, nth, nth + 1]


def test_an_upgrade_that_is_killed_leaves_nothing_half_and_is_repeated(database_url: str, folder: Path) -> None:
    nth = len(NUMBERS) + 1
    slow = folder / f"{nth:04}_slow.sql"
    slow.write_text("create table $raw.half (); select pg_sleep(60); create table $raw.other_half ();")
    asleep = "select pid from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'"
    with ThreadPoolExecutor() as pool:
        upgrade = pool.submit(warehouse.prepare, database_url, STREAMS)
        while not (found := rows(database_url, asleep)):
            assert not upgrade.done()
            time.sleep(0.01)
        rows(database_url, f"select pg_terminate_backend({found[0][0]}, 5000)")
        with pytest.raises(psycopg.OperationalError):
            upgrade.result(timeout=10)
    assert applied(database_url) == [*NUMBERS]
    assert rows(database_url, "select to_regclass('raw.half')") == [(None,)]
    slow.write_text("create table $raw.half ();")
    warehouse.prepare(database_url, STREAMS)
    assert applied(database_url) == [*NUMBERS, nth]


def test_a_file_that_has_changed_since_it_was_applied_is_refused(database_url: str, folder: Path) -> None:
    warehouse.prepare(database_url, STREAMS)
    with (folder / "0002_quality.sql").open("a") as file:
        file.write("alter table $quality.result add column note text;\n")
    (folder / "0003_delivery.sql").rename(folder / "0003_sending.sql")
    with pytest.raises(WarehouseMismatch) as raised:
        warehouse.prepare(database_url, STREAMS)
    assert str(raised.value) == (
        "migrations that this warehouse was made by have changed since: 0002_quality.sql,"
        " 0003_sending.sql (applied as 0003_delivery.sql);"
        " restore these files as they were released, and put the change into a new file with the next number"
    )


def test_other_line_ends_are_no_change(database_url: str, folder: Path) -> None:
    warehouse.prepare(database_url, STREAMS)
    for file in folder.iterdir():
        file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    warehouse.prepare(database_url, STREAMS)


def test_a_warehouse_that_a_later_version_has_made_is_refused(database_url: str, folder: Path) -> None:
    later = folder / f"{len(NUMBERS) + 1:04}_later.sql"
    later.write_text("create table $raw.later ();")
    warehouse.prepare(database_url, STREAMS)
    later.unlink()
    with pytest.raises(WarehouseMismatch) as raised:
        warehouse.prepare(database_url, STREAMS)
    assert str(raised.value) == (
        f"the warehouse was made by a later version of Lifecycle, which applied {later.name}:"
        " upgrade Lifecycle to that version, or restore the backup made before the upgrade"
    )


def test_a_number_that_is_left_out_or_used_twice_is_refused(database_url: str, folder: Path) -> None:
    (folder / "0002_quality.sql").rename(folder / "0003_quality.sql")
    with pytest.raises(WarehouseMismatch, match="must be numbered 0001, 0002 and so on, each number once"):
        warehouse.prepare(database_url, STREAMS)
