"""Detecting deletions marks exactly what has vanished, and nothing where that would be too much."""

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from lifecycle import detect_deletions, extract, warehouse
from lifecycle.errors import AccessDenied, AnswerUnreadable, GuardTripped, LifecycleError, RetryLater
from lifecycle.settings import Connection, Deletions
from lifecycle.sources.sql import SqlShop
from lifecycle.testing.cases import RUN_DATE, RecordingHost, StreamCase, answering, standing
from lifecycle.testing.faults import Fault
from lifecycle.testing.pages import change_sources, in_pages_of
from tests.databases import NewDatabase, with_every_stream
from tests.sources.cases import PRIVATE
from tests.sources.vendors import CASES, PAGE

DOCUMENTS = 12
#: A share that one of twelve keeps to and two of twelve exceed.
STRICT = Deletions(max_vanished_share=0.1, from_documents=10)
LOOSE = Deletions(max_vanished_share=1, from_documents=1_000_000)
NEXT_DAY = RUN_DATE + timedelta(days=1)

NAMED = {(case.kind, case.stream): case for case in CASES}
ORDERS, CUSTOMERS = NAMED["woocommerce", "orders"], NAMED["woocommerce", "customers"]
#: Where documents can vanish; changes of state are a history.
VANISHING = [case for case in CASES if case.kind == "shopify" or (case.take and case.stream != "state_history")]
ONE_OF_EACH = [NAMED[kind, "orders"] for kind in ("woocommerce", "shopify", "shopware")] + [
    NAMED["sendgrid", "bounces"]
]

every_vanishing_stream = pytest.mark.parametrize("case", VANISHING, ids=lambda case: f"{case.kind}-{case.stream}")
one_of_each = pytest.mark.parametrize("case", ONE_OF_EACH, ids=lambda case: case.kind)


@pytest.fixture(scope="module")
def the_host() -> Iterator[RecordingHost]:
    with standing() as host:
        yield host


@pytest.fixture
def host(the_host: RecordingHost, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> RecordingHost:
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda _: None)
    change_sources(monkeypatch, partial(in_pages_of, PAGE))
    monkeypatch.setattr("lifecycle.sources.shopify.bulk.BULK_PAGE", PAGE)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return the_host


@pytest.fixture
def url(new_database: NewDatabase) -> str:
    return new_database(with_every_stream)


@pytest.fixture(autouse=True)
def nothing_private_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level("INFO")
    yield
    assert not [word for word in PRIVATE if word in caplog.text]


def take(vendor: Any, case: StreamCase, *numbers: int) -> None:
    """Let documents vanish at the vendor."""
    for n in numbers:
        case.take(vendor, n) if case.take else vendor.take(case.stream, n)


def land(url: str, host: RecordingHost, case: StreamCase, name: str = "demo") -> None:
    extract.land(url, name, case.kind, [case.open(host)], RUN_DATE)


def detected(
    url: str, host: RecordingHost, case: StreamCase, limits: Deletions = LOOSE, *, accept_loss: bool = False
) -> dict[str, int]:
    at = host.connection(case.login, case.password)
    return detect_deletions.run(url, "demo", case.config, at, limits, NEXT_DAY, accept_loss=accept_loss)


def refusal(
    url: str, host: RecordingHost, case: StreamCase, kind: type[LifecycleError], limits: Deletions = LOOSE
) -> str:
    """The words of the error that it ends with, which hold nothing private."""
    with pytest.raises(kind) as raised:
        detected(url, host, case, limits)
    words = str(raised.value)
    assert not [word for word in PRIVATE if word in words]
    return words


def rows(url: str, statement: str) -> list[tuple[Any, ...]]:
    with warehouse.connect(url) as database:
        return database.execute(statement.encode()).fetchall()


def marked(url: str, case: StreamCase, name: str = "demo") -> set[int]:
    """Which documents of a source are marked as vanished."""
    landed = rows(url, f"select source, is_deleted, doc from raw.{case.kind}__{case.stream}")
    return {case.number(doc) for source, is_deleted, doc in landed if source == name and is_deleted}


def loaded(url: str, case: StreamCase) -> dict[tuple[str, int], tuple[datetime, Any]]:
    """(source, number) → when the document last changed for us, and what it holds."""
    landed = rows(url, f"select source, doc, loaded_at, cursor_at from raw.{case.kind}__{case.stream}")
    return {(source, case.number(doc)): (at, (doc, cursor_at)) for source, doc, at, cursor_at in landed}


def last_loaded(before: dict[tuple[str, int], tuple[datetime, Any]]) -> datetime:
    """Up to where an incremental model has read."""
    return max(at for at, _ in before.values())


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


@one_of_each
def test_an_empty_answer_marks_nothing_whatever_the_limits(url: str, host: RecordingHost, case: StreamCase) -> None:
    vendor = case.vendor(DOCUMENTS)
    host.show(vendor.app)
    land(url, host, case)
    before = loaded(url, case)
    take(vendor, case, *range(1, DOCUMENTS + 1))
    words = refusal(url, host, case, GuardTripped)
    assert f"demo: {case.stream}: {DOCUMENTS} of {DOCUMENTS} are not there any more" in words
    assert "accept_loss" in words
    assert (loaded(url, case), marked(url, case)) == (before, set())
    assert rows(url, f"select * from raw.deletion_check where stream = '{case.stream}'") == []
    assert detected(url, host, case, STRICT, accept_loss=True)[case.stream] == DOCUMENTS
    assert marked(url, case) == set(range(1, DOCUMENTS + 1))


@one_of_each
def test_more_than_the_allowed_share_marks_nothing(url: str, host: RecordingHost, case: StreamCase) -> None:
    vendor = case.vendor(DOCUMENTS)
    host.show(vendor.app)
    land(url, host, case)
    take(vendor, case, 3, 7)
    words = refusal(url, host, case, GuardTripped, STRICT)
    assert f"demo: {case.stream}: 2 of 12 are not there any more; allowed: 10% of at least 10" in words
    assert marked(url, case) == set()
    case.put(vendor, 3)
    assert detected(url, host, case, STRICT)[case.stream] == 1
    assert marked(url, case) == {7}


def test_a_share_is_no_matter_in_a_small_stream(url: str, host: RecordingHost) -> None:
    shop = ORDERS.vendor(DOCUMENTS)
    host.show(shop.app)
    land(url, host, ORDERS)
    take(shop, ORDERS, *range(2, DOCUMENTS + 1))
    assert detected(url, host, ORDERS, Deletions(from_documents=DOCUMENTS + 1))["orders"] == DOCUMENTS - 1


def test_what_has_vanished_before_counts_neither_as_known_nor_as_lost(url: str, host: RecordingHost) -> None:
    shop = ORDERS.vendor(DOCUMENTS)
    host.show(shop.app)
    land(url, host, ORDERS)
    take(shop, ORDERS, *range(2, DOCUMENTS + 1))
    detected(url, host, ORDERS)
    take(shop, ORDERS, 1)
    assert "orders: 1 of 1 are" in refusal(url, host, ORDERS, GuardTripped)
    detected(url, host, ORDERS, accept_loss=True)
    assert detected(url, host, ORDERS) == {"orders": 0, "customers": 0, "products": 0}


def test_what_no_night_has_read_yet_is_left_to_the_night(url: str, host: RecordingHost) -> None:
    host.show(ORDERS.vendor(DOCUMENTS).app)
    assert detected(url, host, ORDERS) == {"orders": 0, "customers": 0, "products": 0}
    assert loaded(url, ORDERS) == {}


def test_a_stream_that_lost_too_much_does_not_keep_the_others(url: str, host: RecordingHost) -> None:
    shop = ORDERS.vendor(DOCUMENTS)
    for n in range(1, DOCUMENTS + 1):
        CUSTOMERS.put(shop, n)
    host.show(shop.app)
    land(url, host, ORDERS)
    land(url, host, CUSTOMERS)
    take(shop, ORDERS, *range(1, DOCUMENTS + 1))
    take(shop, CUSTOMERS, 5)
    assert "customers" not in refusal(url, host, ORDERS, GuardTripped, STRICT)
    assert (marked(url, ORDERS), marked(url, CUSTOMERS)) == (set(), {5})
    assert rows(url, "select stream, vanished from raw.deletion_check order by 1") == [
        ("customers", 1),
        ("products", 0),
    ]


@one_of_each
@pytest.mark.parametrize(
    ("fault", "kind"), [("500", RetryLater), ("truncated", AnswerUnreadable), ("403", AccessDenied)]
)
def test_a_listing_that_fails_in_the_middle_marks_nothing(
    url: str, host: RecordingHost, case: StreamCase, fault: str, kind: type[LifecycleError]
) -> None:
    vendor = case.vendor(DOCUMENTS)
    host.show(vendor.app)
    land(url, host, case)
    before = loaded(url, case)
    take(vendor, case, 12)
    page = 1 if case.kind == "shopify" else 2  # all pages come in one file
    vendor.faults.add(Fault(fault, path=case.path, times=None, after=page - 1))
    assert refusal(url, host, case, kind).startswith(f"demo, listing of {case.stream}, page {page}: ")
    assert (loaded(url, case), marked(url, case)) == (before, set())
    assert rows(url, f"select * from raw.deletion_check where stream = '{case.stream}'") == []
    vendor.faults.clear()
    assert detected(url, host, case)[case.stream] == 1


def test_a_listed_document_without_a_key_marks_nothing(url: str, host: RecordingHost) -> None:
    shop = ORDERS.vendor(DOCUMENTS)
    host.show(shop.app)
    land(url, host, ORDERS)
    host.show(answering(shop.app, ORDERS.path, b'[{"id": 1}, {"number": "p1@example.com"}]'))
    assert "page 1: a document has no key" in refusal(url, host, ORDERS, AnswerUnreadable)
    assert marked(url, ORDERS) == set()


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
