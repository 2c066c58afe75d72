"""A shop's database is only read, row by row, and what it refuses is reported without its words."""

import json
import sqlite3
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

from lifecycle import extract, warehouse
from lifecycle.errors import AccessDenied, RetryLater, SettingsInvalid
from lifecycle.settings import Connection
from lifecycle.sources import Stream, source_kind
from lifecycle.sources.sql import SqlShop, reader

RUN_DATE = date(2026, 3, 31)
COLUMNS = {"order_id": "id", "ordered_at": "at", "total": "total", "email": "email"}
QUERY = "select id, at, total, email from orders"
TABLE = """
create table orders (id bigint, at timestamptz, naive timestamp, total numeric(12, 2), email text);
insert into orders values
    (1, '2026-03-01 12:00+00', '2026-03-01 13:00', 12.50, 'Zoë@example.com'),
    (2, '2026-03-02 12:00+00', '2026-03-02 13:00', 0.1, 'b@example.com'),
    (3, '2026-03-03 12:00+00', '2026-03-03 13:00', null, 'c@example.com')
"""


def shop(query: str = QUERY, columns: dict[str, str] = COLUMNS, customers: dict[str, Any] | None = None) -> SqlShop:
    return SqlShop.model_validate(
        {
            "kind": "sql",
            "connection": "till",
            "timezone": "Europe/Zurich",
            "currency": "CHF",
            "orders": {"query": query, "columns": columns},
            "customers": customers,
        }
    )


def connection_to(url: str, **changed: Any) -> Connection:
    parts = urlsplit(url)
    fields = {
        "kind": "postgres",
        "host": parts.hostname or "",
        "port": parts.port,
        "login": parts.username or "",
        "password": parts.password or "",
        "schema": parts.path.strip("/"),
    }
    return Connection("till", **{**fields, **changed})


@pytest.fixture(scope="module")
def till(new_database: Any) -> str:
    """A shop's database of three orders, of which one has no total."""
    url: str = new_database()
    with psycopg.connect(url) as database:
        database.execute(TABLE)
    return url


def stream(url: str, query: str = QUERY, **changed: Any) -> Stream:
    return source_kind("sql").open(shop(query), connection_to(url, **changed), RUN_DATE)[0]


def read(url: str, query: str = QUERY, since: datetime | None = None) -> Iterator[Any]:
    pages = stream(url, query).pages
    assert pages
    return pages(since)


def ids(pages: Iterator[Any]) -> list[str]:
    return [document["order_id"] for page in pages for document in page]


def test_rows_become_documents_and_rejects_with_their_numbers(till: str) -> None:
    [page] = read(till, f"{QUERY} order by id;")
    assert page[0] == {
        "order_id": "1",
        "ordered_at": "2026-03-01T12:00:00Z",
        "total": "12.50",
        "email": "Zoë@example.com",
        "row": {"id": 1, "at": page[0]["row"]["at"], "total": "12.50", "email": "Zoë@example.com"},
    }
    [reject] = page.rejects
    assert (reject.file, reject.line, reject.reason) == ("query orders", 3, "column 'total' (total): must not be empty")
    assert json.loads(reject.row)["id"] == 3


def test_since_is_a_moment_and_without_one_it_is_1970(till: str) -> None:
    query = f"{QUERY} where total is not null and at > :since"
    assert ids(read(till, query)) == ["1", "2"]
    assert ids(read(till, query, datetime(2026, 3, 2, 11, 59, tzinfo=UTC))) == ["2"]
    assert ids(read(till, query, datetime(2026, 3, 2, 12, tzinfo=UTC))) == []


def test_a_column_without_a_zone_is_compared_in_the_shops(till: str) -> None:
    query = "select id, naive as at, total, email from orders where total is not null and naive > :since"
    assert ids(read(till, query, datetime(2026, 3, 2, 11, 59, tzinfo=UTC))) == ["2"]
    assert ids(read(till, query, datetime(2026, 3, 2, 12, 0, tzinfo=UTC))) == []
    [page] = read(till, query)
    assert page[0]["ordered_at"] == "2026-03-01T12:00:00Z"


def test_colons_and_percent_signs_of_other_meaning_stay_as_they_are(till: str) -> None:
    query = """
        select id::text, at, total::numeric, email,
            ' :name' as a, to_char(at, 'HH24:MI') as b, '{"x": 1}'::jsonb ->> 'x' as c
        from orders where email like '%%@example.com' and email like 'Z%' -- :since would be a moment
    """
    [page] = read(till, query)
    row = page[0]["row"]
    assert (row["a"], row["c"], len(row["b"])) == (" :name", "1", 5)


def test_all_rows_come_a_thousand_at_a_time(till: str) -> None:
    query = "select n as id, now() as at, 1 as total, 'a' as email from generate_series(1, 2500) as n"
    assert [len(page) for page in read(till, query)] == [1000, 1000, 500]
    endless = f"with recursive numbers as (select 1 as n union all select n + 1 from numbers) {query}"
    endless = endless.replace("generate_series(1, 2500) as n", "numbers")
    reading = read(till, endless)
    assert len(next(reading)) == 1000
    reading.close()  # type: ignore[attr-defined]


def test_a_listing_has_the_keys_of_all_rows_whenever_they_changed(till: str) -> None:
    listing = stream(till, f"{QUERY} where at > :since").listing
    assert listing
    assert [key for page in listing() for key in page] == [{"order_id": "1"}, {"order_id": "2"}, {"order_id": "3"}]


def test_a_probe_asks_for_columns_alone(till: str) -> None:
    probe = stream(till, f"{QUERY} where at > :since order by 1 / (id - id) -- never run").probe
    assert probe
    probe()
    missing = stream(till, "select id, at, email from orders").probe
    assert missing
    with pytest.raises(
        SettingsInvalid, match=r"^query orders: orders\.columns names columns that are not there: total;"
    ):
        missing()


def test_two_columns_of_one_name_are_told(till: str) -> None:
    with pytest.raises(SettingsInvalid, match="more than once: id;"):
        next(read(till, "select a.id, b.id, a.at, a.total, a.email from orders a, orders b"))


@pytest.mark.parametrize(
    "query",
    [
        "selec id from orders",
        "select id, at, total, secret_column from orders",
        "select * from secret_table",
        "insert into orders (id) values (4) returning *",
        "with made as (insert into orders (id) values (4) returning *) select * from made",
        "select id, at, total / 0 as total, email from orders",
        "select 'infinity'::timestamptz as at, id, total, email from orders",
        "select * from orders where id = 'ada@example.com'::int",
    ],
)
def test_a_query_that_cannot_be_answered_is_told_by_its_entry_alone(till: str, query: str) -> None:
    with pytest.raises(SettingsInvalid, match=r"^query orders: the database can't answer orders\.query \(\w+\)$"):
        list(read(till, query))
    assert ids(read(till)) == ["1", "2"]


def test_a_query_that_writes_in_disguise_changes_nothing(till: str) -> None:
    with psycopg.connect(till) as database:
        database.execute(
            "create or replace function wipe() returns int language sql as 'delete from orders returning 1'"
        )
    with pytest.raises(SettingsInvalid):
        list(read(till, "select wipe() as id, now() as at, 1 as total, 'a' as email"))
    assert ids(read(till)) == ["1", "2"]


def test_an_answer_that_takes_too_long_is_asked_for_later(till: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(reader.ONLY_READ, "postgresql", ("set local statement_timeout = '50ms'",))
    with pytest.raises(RetryLater, match="took too long"):
        list(read(till, f"{QUERY} where pg_sleep(5) is not null"))


def test_a_connection_that_is_cut_is_made_again_later(till: str) -> None:
    query = "select n as id, now() as at, 1 as total, repeat('x', 1000) as email from generate_series(1, 100000) as n"
    reading = read(till, query)
    next(reading)
    with psycopg.connect(till, autocommit=True) as database:
        database.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        )
    with pytest.raises(RetryLater, match=r"^query orders: the database can't be reached, or took too long \(\w+\)$"):
        list(reading)


@pytest.mark.parametrize(
    ("changed", "kind"),
    [
        ({"port": 1}, RetryLater),
        ({"password": "s3cret"}, AccessDenied),
        ({"login": "nobody_here"}, AccessDenied),
        ({"schema": "no_database"}, AccessDenied),
    ],
)
def test_a_database_that_lets_nobody_in_is_told_without_its_address(
    till: str, changed: dict[str, Any], kind: type[Exception]
) -> None:
    pages = stream(till, **changed).pages
    assert pages
    with pytest.raises(kind, match=r"^query orders: the database ") as raised:
        list(pages(None))
    words = str(raised.value)
    assert not [word for word in ("127.0.0.1", *map(str, changed.values())) if len(word) > 1 and word in words]


def test_a_table_that_may_not_be_read_is_a_right_that_lacks(till: str) -> None:
    with psycopg.connect(till) as database:
        database.execute("create role reader login password 'reader'")
    pages = stream(till, login="reader", password="reader").pages
    assert pages
    with pytest.raises(AccessDenied, match=r"reading what the query names \(InsufficientPrivilege\)"):
        list(pages(None))


@pytest.mark.parametrize(
    ("connection", "url"),
    [
        (Connection("c", "postgres", "h", None, "l", "p@:/", "d"), "postgresql+psycopg://l:p%40%3A%2F@h/d"),
        (Connection("c", "mariadb", "h", 3307, "l", "p", "d"), "mariadb+pymysql://l:p@h:3307/d"),
        (
            Connection("c", "mssql", "h", None, "l", "p", "d", {"driver": "X", "n": 1}),
            "mssql+pyodbc://l:p@h/d?driver=X",
        ),
        (Connection("c", "sqlite", "shop.db"), "sqlite:///shop.db"),
        (
            Connection("c", "http", "", None, "l", "p", "", {"sqlalchemy_url": "duckdb://h/d?a=1"}),
            "duckdb://l:p@h/d?a=1",
        ),
        (Connection("c", extra={"sqlalchemy_url": "x://a:b@h"}), "x://a:b@h"),
    ],
)
def test_a_connection_becomes_an_address_of_its_database(connection: Connection, url: str) -> None:
    assert reader._url(connection).render_as_string(hide_password=False) == url


@pytest.mark.parametrize(
    ("connection", "words"),
    [
        (Connection("c", "http", "h"), "its type must be one of postgres, postgresql, mysql"),
        (Connection("c", "mysql", "h"), "install the Python package 'pymysql'"),
        (
            Connection("c", extra={"sqlalchemy_url": "klingon://h"}),
            "install the package that reads 'klingon' databases|knows no",
        ),
        (Connection("c", extra={"sqlalchemy_url": "s3cret"}), "'sqlalchemy_url' must be like"),
    ],
)
def test_a_connection_that_cannot_be_used_says_what_is_missing(
    connection: Connection, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pymysql", None)
    with pytest.raises(SettingsInvalid, match=f"^connection c: .*({words})") as raised:
        source_kind("sql").open(shop(), connection, RUN_DATE)
    assert "s3cret" not in str(raised.value)


def test_another_database_is_asked_in_the_shops_time(tmp_path: Path) -> None:
    file = tmp_path / "shop.db"
    with sqlite3.connect(file) as database:
        database.execute("create table orders (id, at, total, email)")
        database.executemany(
            "insert into orders values (?, ?, ?, ?)",
            [(1, "2026-03-01 13:00:00", 12.5, "a"), (2, "2026-03-02 13:00:00", 1, "b")],
        )
    [orders] = source_kind("sql").open(
        shop(f"{QUERY} where at > :since"), Connection("c", "sqlite", str(file)), RUN_DATE
    )
    assert orders.pages
    assert orders.probe
    assert ids(orders.pages(None)) == ["1", "2"]
    assert ids(orders.pages(datetime(2026, 3, 2, 11, 59, tzinfo=UTC))) == ["2"]
    assert ids(orders.pages(datetime(2026, 3, 2, 12, 0, tzinfo=UTC))) == []
    orders.probe()
    for query in ("select * from nothing", "delete from orders returning *"):
        [wrong] = source_kind("sql").open(shop(query), Connection("c", "sqlite", str(file)), RUN_DATE)
        assert wrong.pages
        with pytest.raises(SettingsInvalid, match="can't answer"):
            list(wrong.pages(None))


def test_customers_come_only_where_they_are_configured() -> None:
    customers = {"query": "select 1", "columns": {"customer_id": "id", "created_at": "at"}}
    config = shop(customers=customers)
    connection = Connection("c", "sqlite", "x")
    assert [stream.name for stream in source_kind("sql").open(config, connection, RUN_DATE)] == ["orders", "customers"]
    [orders] = source_kind("sql").open(shop(), connection, RUN_DATE)
    assert (orders.name, orders.overlap) == ("orders", timedelta(days=7))


def test_what_changed_is_landed_and_what_does_not_fit_is_put_aside(till: str, database_url: str) -> None:
    extract.prepare(database_url)
    config = shop(f"{QUERY} where at > :since")
    for day, changed in ((RUN_DATE, 2), (RUN_DATE + timedelta(days=1), 0)):
        assert extract.run(database_url, "till", config, connection_to(till), day) == {"orders": changed}
    with warehouse.connect(database_url) as database:
        landed = database.execute("select id, cursor_at from raw.sql__orders order by id").fetchall()
        rejected = database.execute("select distinct file, line, reason from raw.reject").fetchall()
    assert landed == [(f"till/{n}", datetime(2026, 3, n, 12, tzinfo=UTC)) for n in (1, 2)]
    assert rejected == [("query orders", 3, "column 'total' (total): must not be empty")]
