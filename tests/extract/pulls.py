"""Pulls of the demo's source, and what they left in the warehouse."""

from datetime import date, timedelta
from typing import Any

import pytest

from lifecycle import extract, warehouse
from lifecycle.sources import source_kind
from lifecycle.testing.cases import RUN_DATE, RecordingHost, StreamCase
from lifecycle.testing.pages import change_sources
from lifecycle.testing.pages import only as only_streams
from tests.sources.vendors import CASES

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
