"""Detecting deletions marks exactly what has vanished, once, and what is there again no more."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from lifecycle import detect_deletions, extract, warehouse
from lifecycle.errors import RetryLater
from lifecycle.settings import Connection
from lifecycle.sources.sql import SqlShop
from lifecycle.testing.cases import RUN_DATE, RecordingHost, StreamCase
from tests.extract.deletions import (
    DOCUMENTS,
    LOOSE,
    NEXT_DAY,
    ORDERS,
    detected,
    every_vanishing_stream,
    land,
    last_loaded,
    loaded,
    marked,
    one_of_each,
    refusal,
    take,
)
from tests.extract.pulls import rows

pytestmark = pytest.mark.usefixtures("quick_landing", "nothing_private_is_logged")


@every_vanishing_stream
def test_what_vanished_is_marked_once_with_a_later_moment_and_nothing_else_is_touched(
    url: str, host: RecordingHost, case: StreamCase
) -> None:
    vendor = case.vendor(DOCUMENTS)
    host.show(vendor.app)
    land(url, host, case)
    land(url, host, case, "other")
    before = loaded(url, case)
    take(vendor, case, 3, 7)
    assert detected(url, host, case)[case.stream] == 2
    assert (marked(url, case), marked(url, case, "other")) == ({3, 7}, set())
    after = loaded(url, case)
    assert {place: held for place, (_, held) in after.items()} == {place: held for place, (_, held) in before.items()}
    assert {place for place in after if after[place] != before[place]} == {("demo", 3), ("demo", 7)}
    assert min(after["demo", n][0] for n in (3, 7)) > last_loaded(before)
    assert detected(url, host, case)[case.stream] == 0
    assert loaded(url, case) == after
    query = (
        f"select source, run_date, listed, vanished, returned from raw.deletion_check where stream = '{case.stream}'"
    )
    assert rows(url, query) == [("demo", NEXT_DAY, DOCUMENTS - 2, 0, 0)]


@one_of_each
def test_what_is_there_again_is_unmarked_by_the_next_look(url: str, host: RecordingHost, case: StreamCase) -> None:
    vendor = case.vendor(DOCUMENTS)
    host.show(vendor.app)
    land(url, host, case)
    take(vendor, case, 3, 7)
    detected(url, host, case)
    before = loaded(url, case)
    case.put(vendor, 3)
    assert detected(url, host, case)[case.stream] == 0
    assert marked(url, case) == {7}
    after = loaded(url, case)
    assert {place for place in after if after[place] != before[place]} == {("demo", 3)}
    assert after["demo", 3][0] > last_loaded(before)
    assert rows(url, "select vanished, returned from raw.deletion_check where returned > 0") == [(0, 1)]


@one_of_each
def test_what_a_night_reads_again_is_unmarked_though_it_is_the_same(
    url: str, host: RecordingHost, case: StreamCase
) -> None:
    vendor = case.vendor(DOCUMENTS)
    host.show(vendor.app)
    land(url, host, case)
    take(vendor, case, 3, 7)
    detected(url, host, case)
    before = loaded(url, case)
    case.put(vendor, 3)
    land(url, host, case)
    assert marked(url, case) == {7}
    after = loaded(url, case)
    assert after["demo", 3][0] > last_loaded(before)
    assert detected(url, host, case)[case.stream] == 0
    assert loaded(url, case) == after


def test_what_no_night_has_read_yet_is_left_to_the_night(url: str, host: RecordingHost) -> None:
    host.show(ORDERS.vendor(DOCUMENTS).app)
    assert detected(url, host, ORDERS) == {"orders": 0, "customers": 0, "products": 0}
    assert loaded(url, ORDERS) == {}


def test_an_extraction_and_a_look_for_deletions_of_one_source_wait_for_each_other(
    url: str, host: RecordingHost
) -> None:
    host.show(ORDERS.vendor(1).app)
    with warehouse.only_one(url, "extract demo"):
        assert "another run" in refusal(url, host, ORDERS, RetryLater)


def test_nights_of_other_shops_do_not_wait_while_one_is_listed(url: str, host: RecordingHost) -> None:
    host.show(ORDERS.vendor(DOCUMENTS).app)
    land(url, host, ORDERS)
    held = list[tuple[Any, ...]]()

    def ids() -> Iterator[str]:
        here = "database = (select oid from pg_database where datname = current_database())"
        held.extend(rows(url, f"select count(*) from pg_locks where locktype = 'advisory' and {here}"))
        yield from (f"demo/{n}" for n in range(1, DOCUMENTS))

    with warehouse.connect(url) as database:
        check = warehouse.compare_listing(database, "woocommerce", "demo", "orders", ids())
        assert held == [(0,)]
    assert check == warehouse.DeletionCheck(listed=DOCUMENTS - 1, known=DOCUMENTS, vanished=1, returned=0)


def test_a_document_that_is_listed_twice_counts_once(url: str, host: RecordingHost) -> None:
    host.show(ORDERS.vendor(2).app)
    land(url, host, ORDERS)
    with warehouse.connect(url) as database:
        check = warehouse.compare_listing(database, "woocommerce", "demo", "orders", ["demo/1", "demo/9", "demo/1"])
    assert check == warehouse.DeletionCheck(listed=2, known=2, vanished=1, returned=0)


def test_rows_that_leave_a_database_are_marked_and_those_without_a_key_are_no_matter(url: str, tmp_path: Path) -> None:
    file = tmp_path / "till.sqlite"
    columns = {"order_id": "id", "ordered_at": "at", "total": "total", "email": "email"}
    table = {"query": "select * from orders", "columns": columns}
    shop = SqlShop.model_validate(
        {"kind": "sql", "connection": "till", "timezone": "UTC", "currency": "USD", "orders": table}
    )
    at = Connection("till", kind="sqlite", host=str(file))
    with closing(sqlite3.connect(file)) as till:
        till.execute("create table orders (id integer, at text, total text, email text)")
        orders = [(n, "2017-12-01 12:00", "1.50", f"p{n}@example.com") for n in range(1, DOCUMENTS + 1)]
        till.executemany("insert into orders values (?, ?, ?, ?)", [*orders, (None, None, "x", None)])
        till.commit()
        assert extract.run(url, "demo", shop, at, RUN_DATE) == {"orders": DOCUMENTS}
        till.execute("delete from orders where id = 3")
        till.commit()
    assert detect_deletions.run(url, "demo", shop, at, LOOSE, NEXT_DAY) == {"orders": 1}
    assert rows(url, "select id from raw.sql__orders where is_deleted") == [("demo/3",)]
