"""The warehouse takes documents in one transaction, keeps what did not change, and locks by name."""

import contextlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from psycopg import sql
from psycopg.types.json import Jsonb

from lifecycle import warehouse
from lifecycle.errors import RetryLater
from lifecycle.warehouse import Pull
from tests.databases import NewDatabase

STREAMS = [("woocommerce", "orders"), ("woocommerce", "products")]
RUN_DATE = date(2017, 12, 31)
NOON = datetime(2017, 12, 31, 12, tzinfo=UTC)
LANDING = """
create schema if not exists landing_demo;
create table if not exists landing_demo.woocommerce__orders (like raw.woocommerce__orders);
"""


def with_a_landing(url: str) -> None:
    warehouse.prepare(url, STREAMS)
    with warehouse.connect(url) as connection:
        connection.execute(LANDING)


@pytest.fixture
def url(new_database: NewDatabase) -> str:
    return new_database(with_a_landing)


def pull(documents: int, *, source: str = "demo", run_date: date = RUN_DATE, cursor: datetime | None = None) -> Pull:
    return Pull(source, "orders", run_date, NOON, NOON, pages=1, documents=documents, cursor_at=cursor)


def merged(url: str, *documents: tuple[str, object]) -> int:
    """Land documents, by key and content, and merge them; returns how many changed."""
    rows = [
        (key, "demo", NOON, Jsonb(content), NOON + timedelta(seconds=n)) for n, (key, content) in enumerate(documents)
    ]
    with warehouse.connect(url) as connection:
        insert = "insert into landing_demo.woocommerce__orders values (%s, %s, %s, %s, %s, false)"
        connection.cursor().executemany(insert, rows)
        return warehouse.merge(connection, "woocommerce", "landing_demo", pull(len(rows)))


def query(url: str, statement: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
    with warehouse.connect(url) as connection:
        return connection.execute(statement.encode(), parameters).fetchall()


def test_preparing_can_be_repeated_and_done_by_several_at_once(database_url: str) -> None:
    with ThreadPoolExecutor() as pool:
        assert list(pool.map(lambda _: warehouse.prepare(database_url, STREAMS), range(4))) == [None] * 4
    schemas = "select distinct schemaname from pg_tables where schemaname !~ '^(pg_|information)'"
    made = {"raw", "quality", "delivery", "statistics", "access", "migrations"}
    assert {name for (name,) in query(database_url, schemas)} == made


def test_new_documents_are_added_and_the_landing_table_is_emptied(url: str) -> None:
    assert merged(url, ("demo/1", {"a": 1}), ("demo/2", {"a": 2})) == 2
    assert query(url, "select id, source, doc, is_deleted from raw.woocommerce__orders order by 1") == [
        ("demo/1", "demo", {"a": 1}, False),
        ("demo/2", "demo", {"a": 2}, False),
    ]
    assert query(url, "select * from landing_demo.woocommerce__orders") == []


def test_a_document_that_is_the_same_keeps_its_moment_and_another_gets_a_later_one(url: str) -> None:
    moments = "select id, loaded_at from raw.woocommerce__orders"
    merged(url, ("demo/1", {"a": 1, "b": 2}), ("demo/2", {"a": 2}))
    first = dict(query(url, moments))
    assert merged(url, ("demo/1", {"b": 2, "a": 1}), ("demo/2", {"a": 3})) == 1
    second = dict(query(url, moments))
    assert second["demo/1"] == first["demo/1"] == first["demo/2"] < second["demo/2"]


def test_moments_rise_even_if_the_clock_is_put_back(url: str) -> None:
    merged(url, ("demo/1", {"a": 1}))
    with warehouse.connect(url) as connection:
        connection.execute("update raw.woocommerce__orders set loaded_at = '2099-01-01'")
    merged(url, ("demo/2", {"a": 2}))
    assert query(url, "select loaded_at > '2099-01-01' from raw.woocommerce__orders where id = 'demo/2'") == [(True,)]


def test_one_merge_at_a_time_changes_a_table(url: str) -> None:
    with warehouse.connect(url) as first, ThreadPoolExecutor() as pool:
        first.execute("select pg_advisory_xact_lock(%s)", [warehouse.lock_key("merge woocommerce__orders")])
        second = pool.submit(merged, url, ("demo/1", {"a": 1}))
        with pytest.raises(TimeoutError):
            second.result(timeout=0.3)
        first.commit()
        assert second.result(timeout=10) == 1


def test_of_several_readings_the_last_counts(url: str) -> None:
    assert merged(url, ("demo/1", {"n": 1}), ("demo/1", {"n": 3}), ("demo/1", {"n": 2})) == 1
    assert query(url, "select doc from raw.woocommerce__orders") == [({"n": 2},)]


def test_a_document_that_comes_back_is_deleted_no_more(url: str) -> None:
    merged(url, ("demo/1", {"n": 1}))
    with warehouse.connect(url) as connection:
        connection.execute("update raw.woocommerce__orders set is_deleted = true")
    assert merged(url, ("demo/1", {"n": 1})) == 1
    assert query(url, "select is_deleted from raw.woocommerce__orders") == [(False,)]


def test_a_pull_without_documents_needs_no_landing_table_and_takes_nothing_from_an_old_one(url: str) -> None:
    with warehouse.connect(url) as connection:
        connection.execute(
            "insert into landing_demo.woocommerce__orders values ('demo/9', 'demo', null, '{}', now(), false)"
        )
        assert warehouse.merge(connection, "woocommerce", "landing_demo", pull(0)) == 0
        assert warehouse.merge(connection, "woocommerce", "landing_of_nobody", pull(0, source="other")) == 0
    assert query(url, "select * from raw.woocommerce__orders") == []
    assert query(url, "select source, documents, changed from raw.pull order by 1") == [
        ("demo", 0, 0),
        ("other", 0, 0),
    ]


def test_a_pull_that_is_repeated_for_its_date_replaces_its_record(url: str) -> None:
    merged(url, ("demo/1", {"n": 1}), ("demo/2", {"n": 1}))
    merged(url, ("demo/1", {"n": 2}))
    assert query(url, "select documents, changed from raw.pull") == [(1, 1)]


def test_whatever_fails_before_the_commit_leaves_nothing(url: str) -> None:
    with warehouse.connect(url) as connection:
        connection.execute(
            "insert into landing_demo.woocommerce__orders values ('demo/1', 'demo', null, '{}', now(), false)"
        )
        assert warehouse.merge(connection, "woocommerce", "landing_demo", pull(1)) == 1
        connection.rollback()
    assert query(url, "select id from raw.woocommerce__orders union all select source from raw.pull") == []


def test_the_cursor_of_a_stream_is_the_furthest_of_any_pull_of_its_source(url: str) -> None:
    days = [RUN_DATE + timedelta(days=n) for n in range(3)]
    with warehouse.connect(url) as connection:
        for day, cursor in zip(days, [NOON, NOON - timedelta(days=9), None], strict=True):
            warehouse.merge(connection, "woocommerce", "landing_demo", pull(0, run_date=day, cursor=cursor))
        warehouse.merge(connection, "woocommerce", "landing_demo", pull(0, source="new"))
    assert warehouse.cursors(url, "demo") == {"orders": NOON}
    assert warehouse.cursors(url, "new") == {"orders": None}
    assert warehouse.cursors(url, "nobody") == {}


def test_a_lock_is_held_by_one_and_freed_whatever_happens(url: str) -> None:
    one, two, other = (warehouse.only_one(url, f"extract {name}") for name in ("demo", "demo", "other"))
    with contextlib.suppress(ZeroDivisionError), one, other:
        with pytest.raises(RetryLater, match="another run holds the lock 'extract demo'"):
            two.__enter__()
        raise ZeroDivisionError
    with warehouse.only_one(url, "extract demo"):
        pass


def test_moments_come_in_utc_wherever_the_server_lives(url: str) -> None:
    with warehouse.connect(url, autocommit=True) as connection:
        name = sql.Identifier(connection.info.dbname)
        connection.execute(sql.SQL("alter database {} set timezone = 'Asia/Tokyo'").format(name))
    moment = "select current_setting('timezone'), timestamptz '2017-12-31 12:00+00'"
    assert query(url, moment) == [("UTC", NOON)]


def test_a_warehouse_that_cannot_be_reached_is_tried_later_and_its_address_is_not_told() -> None:
    with pytest.raises(RetryLater) as raised:
        warehouse.connect("postgresql://someone:hunter2@127.0.0.1:1/secret")
    assert str(raised.value) == "the warehouse can't be reached (OperationalError)"
    assert raised.value.__suppress_context__
