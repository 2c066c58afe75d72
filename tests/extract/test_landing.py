"""Extraction lands documents as they came, each once, and tells nothing that is in them."""

import dataclasses
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from demo.shop import Shop
from lifecycle import extract, sources, warehouse
from lifecycle.errors import AnswerUnreadable, RetryLater
from lifecycle.sources import Pages, Stream
from lifecycle.testing.cases import RUN_DATE, RecordingHost, answering
from lifecycle.testing.faults import Fault
from tests.databases import NewDatabase, with_every_stream
from tests.extract.pulls import BOUNCES, ORDERS, copy_into, names, pull, raw, rows
from tests.sources.cases import PRIVATE
from tests.sources.vendors import CASES, PAGE, SHOP

KINDS = ("woocommerce", "shopify", "shopware", "sendgrid")


@pytest.mark.parametrize("kind", KINDS)
def test_every_stream_of_a_source_lands_in_its_own_table_with_its_pull(
    url: str, host: RecordingHost, kind: str
) -> None:
    cases = [case for case in CASES if case.kind == kind]
    vendor = cases[0].vendor()
    for case in cases:
        case.put(vendor, 1)
    host.show(vendor.app)
    expected = {stream: int(stream != "events") for stream in names(kind)}  # there are no files of events
    assert pull(url, host, cases[0]) == expected
    for case in cases:
        assert len(raw(url, case)) == 1
    pulls = "select source, stream, documents, changed, pages > 0, finished_at >= started_at from raw.pull"
    assert sorted(rows(url, pulls)) == sorted(("demo", name, n, n, n > 0, True) for name, n in expected.items())


@pytest.mark.parametrize("kind", KINDS)
def test_of_documents_that_come_twice_every_stream_keeps_one(url: str, host: RecordingHost, kind: str) -> None:
    cases = [case for case in CASES if case.kind == kind]
    vendor = cases[0].vendor()
    for case in cases:
        for n in range(1, 13):
            case.put(vendor, n)
    host.show(vendor.app)
    streams = [twice(case.open(host)) for case in cases]
    assert extract.land(url, "demo", kind, streams, RUN_DATE) == {case.stream: 12 for case in cases}
    for case in cases:
        assert sorted(map(case.number, raw(url, case).values())) == list(range(1, 13))
    assert rows(url, "select distinct documents from raw.pull") == [(24,)]


def test_what_the_tests_land_without_dlt_is_the_same(url: str, host: RecordingHost, new_database: NewDatabase) -> None:
    host.show(ORDERS.vendor(25).app)
    other = new_database(with_every_stream)
    pull(url, host)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(extract, "_land", copy_into)
        pull(other, host)
    for statement in (
        "select id, source, cursor_at, doc, is_deleted from raw.woocommerce__orders order by id",
        "select source, stream, run_date, pages, documents, changed, cursor_at from raw.pull order by stream",
    ):
        assert rows(url, statement) == rows(other, statement)


def twice(stream: Stream) -> Stream:
    """The same stream, whose pages come again."""

    def pages(since: datetime | None) -> Pages:
        assert stream.pages
        yield from stream.pages(since)
        yield from stream.pages(since)

    return dataclasses.replace(stream, pages=pages)


def test_a_document_is_landed_as_it_came_under_its_source_and_key(url: str, host: RecordingHost) -> None:
    shop = ORDERS.vendor(1)
    order = {"id": 7, "status": "completed", "date_created_gmt": "2017-12-01T09:00:00", "total": "12.50"}
    shop.put_order({**order, "billing": {"email": " Ada@Example.com "}, "line_items": [], "coupon": None})
    host.show(shop.app)
    pull(url, host)
    landed = rows(url, "select source, cursor_at, doc, is_deleted from raw.woocommerce__orders where id = 'demo/7'")
    document = {**order, "billing": {"email": " Ada@Example.com "}, "line_items": [], "coupon": None}
    assert landed == [("demo", datetime(2017, 12, 1, 9, tzinfo=UTC), document, False)]


def test_of_a_document_that_comes_twice_the_later_reading_counts(url: str, host: RecordingHost) -> None:
    shop = ORDERS.vendor(25)
    shop.faults.add(Fault("page_shift", path="/orders", shift=-1, after=1))
    host.show(shop.app)
    changed = {"id": PAGE, "status": "refunded", "date_modified_gmt": "2017-12-30T00:00:00"}
    host.before_call[2] = lambda: shop.put_order(changed)
    assert pull(url, host)["orders"] == 25
    assert raw(url, ORDERS)[f"demo/{PAGE}"] == changed


def test_whatever_text_a_document_holds_it_lands(url: str, host: RecordingHost) -> None:
    texts = [
        "",
        "\\N",
        '"',
        "a,b;c\td",
        "line\r\nbreak",
        "\\",
        "\\u0000",
        "'",
        "NULL",
        "{}",
        "\u2028",
        "😀",
        "\x7f\x1b",
    ]
    documents = [{"id": n, "text": text, text or "key": None} for n, text in enumerate(texts, 1)]
    odd = '{"id": "a\\u0000b\\ud800", "nul": "\\u0000\\\\\\u0000", "half": "\\udc00x", "beyond": -1e999}'
    body = f"{json.dumps(documents)[:-1]}, {odd}]"
    host.show(answering(Shop().app, "/orders", body.encode()))
    pull(url, host)
    landed = raw(url, ORDERS)
    assert [landed[f"demo/{document['id']}"] for document in documents] == documents
    replaced = {"id": "a\ufffdb\ufffd", "nul": "\ufffd\\\ufffd", "half": "\ufffdx", "beyond": None}
    assert landed["demo/a\ufffdb\ufffd"] == replaced


def test_two_shops_share_a_table_and_nothing_else(url: str, host: RecordingHost) -> None:
    host.show(ORDERS.vendor(2).app)
    for name in ("north", "south"):
        extract.run(url, name, SHOP, host.connection("ck_demo", "cs_demo"), RUN_DATE)
    assert set(raw(url, ORDERS)) == {"north/1", "north/2", "south/1", "south/2"}


def test_a_second_pull_of_the_same_source_at_the_same_time_is_told_to_come_later(url: str, host: RecordingHost) -> None:
    host.show(ORDERS.vendor(1).app)
    with warehouse.only_one(url, "extract demo"), pytest.raises(RetryLater, match="another run"):
        pull(url, host)
    assert pull(url, host)["orders"] == 1


def test_what_the_warehouse_refuses_is_told_without_the_rows(
    url: str, host: RecordingHost, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capfd: Any
) -> None:
    monkeypatch.setattr(extract, "_text", lambda _: '{"email": "p1@example.com')
    host.show(ORDERS.vendor(1).app)
    with pytest.raises(RetryLater, match="could not be landed") as raised:
        pull(url, host)
    output = f"{raised.value} {caplog.text} {''.join(capfd.readouterr())}"
    assert not [word for word in PRIVATE if word in output]


def test_the_working_folder_is_ours_alone_and_goes_with_the_pull(url: str, host: RecordingHost, tmp_path: Path) -> None:
    shop = ORDERS.vendor(1)
    host.show(shop.app)
    modes: list[int] = []
    host.before_call[1] = lambda: modes.extend(folder.stat().st_mode & 0o777 for folder in tmp_path.iterdir())
    pull(url, host)
    assert modes == [0o700]
    assert list(tmp_path.iterdir()) == []


def test_progress_is_told_in_pages_documents_rate_and_what_is_to_come(
    url: str, host: RecordingHost, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(extract, "PROGRESS_EVERY", -1)
    caplog.set_level("INFO")
    host.show(BOUNCES.vendor(25).app)  # a source that does not tell how many there are
    extract.land(url, "demo", "sendgrid", [BOUNCES.open(host)], RUN_DATE)
    host.show(ORDERS.vendor(25).app)
    extract.land(url, "demo", "woocommerce", [ORDERS.open(host)], RUN_DATE)
    progress = [re.sub(r"\d+ a second", "N a second", line) for line in caplog.messages if "a second" in line]
    assert progress[-4:] == [
        "demo, stream orders: 1 pages, 10 documents, N a second, 15 to come",
        "demo, stream orders: 2 pages, 20 documents, N a second, 5 to come",
        "demo, stream orders: 3 pages, 25 documents, N a second, 0 to come",
        "demo, stream orders, whole: 3 pages, 25 documents, N a second, 0 to come",
    ]
    assert re.fullmatch(r"demo, stream bounces, whole: \d pages, 25 documents, N a second", progress[-5])
    assert not [word for word in PRIVATE if word in caplog.text]


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(10**40), 10**40)
    | st.floats()
    | st.text(st.characters(exclude_categories=()))
    | st.text(st.sampled_from('\0\\u0\ud83d\ude00"/x'))
    | st.datetimes().map(datetime.isoformat),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.sampled_from('\0\\u0\ud83d\ude00"ab')), inner),
    max_leaves=12,
)


def writable(value: Any) -> Any:
    """The value as jsonb can hold it."""
    if isinstance(value, str):
        whole = value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
        return sources.UNWRITABLE.sub("\ufffd", whole)
    if isinstance(value, float):
        return value if abs(value) < float("inf") else None
    if isinstance(value, dict):
        return {writable(key): writable(inner) for key, inner in value.items()}
    return [writable(inner) for inner in value] if isinstance(value, list) else value


@settings(max_examples=60)
@given(value=json_values)
def test_every_json_value_becomes_text_that_jsonb_holds(value: Any, jsonb: psycopg.Connection[Any]) -> None:
    document = {"id": 1, "value": value}
    text = extract._text(document)
    assert json.loads(text) == writable(document)
    jsonb.execute("select %s::jsonb", [text])


@pytest.fixture(scope="module")
def jsonb(new_database: NewDatabase) -> Iterator[psycopg.Connection[Any]]:
    with warehouse.connect(new_database(), autocommit=True) as connection:
        yield connection


def test_a_document_without_a_key_stops_the_pull(url: str, host: RecordingHost) -> None:
    host.show(answering(Shop().app, "/orders", b'[{"id": 1}, {"number": 2}]'))
    with pytest.raises(AnswerUnreadable, match="demo, stream orders, page 1: a document has no key"):
        pull(url, host)
    assert raw(url, ORDERS) == {}
