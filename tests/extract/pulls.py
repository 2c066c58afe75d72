"""Pulls of the demo's source, and what they left in the warehouse."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from psycopg import sql

from lifecycle import extract, warehouse
from lifecycle.sources import source_kind
from lifecycle.testing.cases import RUN_DATE, RecordingHost, StreamCase
from lifecycle.testing.pages import change_sources
from lifecycle.testing.pages import only as only_streams
from tests.sources.vendors import CASES

if TYPE_CHECKING:
    import pyarrow as pa

NAMED = {(case.kind, case.stream): case for case in CASES}
ORDERS, BOUNCES = NAMED["woocommerce", "orders"], NAMED["sendgrid", "bounces"]
NEXT_DAY = RUN_DATE + timedelta(days=1)


def rows(url: str, statement: str) -> list[tuple[Any, ...]]:
    with warehouse.connect(url) as connection:
        return connection.execute(statement.encode()).fetchall()


def raw(url: str, case: StreamCase) -> dict[str, Any]:
    return dict(rows(url, f"select id, doc from raw.{case.kind}__{case.stream}"))


def pull(url: str, host: RecordingHost, case: StreamCase = ORDERS, run_date: date = RUN_DATE) -> dict[str, int]:
    return extract.run(url, "demo", case.config, host.connection(case.login, case.password), run_date)


def names(kind: str) -> list[str]:
    return [spec.name for spec in source_kind(kind).streams]


def only(case: StreamCase, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the source's other streams, for speed."""
    change_sources(monkeypatch, lambda source: only_streams(source, case.stream))


def copy_into(url: str, landing: str, tables: list[tuple[str, Iterator["pa.Table"]]]) -> None:
    """Bring documents into the landing schema as dlt does, in less than the second that it takes for that."""
    schema = sql.Identifier(landing)
    with warehouse.connect(url) as database, database.cursor() as cursor:
        cursor.execute(sql.SQL("drop schema if exists {} cascade").format(schema))
        cursor.execute(sql.SQL("create schema {}").format(schema))
        for name, pages in tables:
            table = sql.Identifier(landing, name)
            cursor.execute(sql.SQL("create table {} (like raw.woocommerce__orders)").format(table))
            with cursor.copy(sql.SQL("copy {} from stdin").format(table)) as copy:
                for page in pages:
                    for row in zip(*(page.column(each).to_pylist() for each in page.column_names), strict=True):
                        copy.write_row(row)
