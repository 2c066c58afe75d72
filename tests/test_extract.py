"""Extraction lands documents whole or not at all, each once, and goes on where the last whole pull ended."""

import contextlib
import dataclasses
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from demo.shop import Shop
from lifecycle import extract, sources, warehouse
from lifecycle.errors import AnswerUnreadable, RetryLater
from lifecycle.sources import Page, Pages, Part, Reject, Stream, source_kind
from lifecycle.testing.cases import RUN_DATE, RecordingHost, StreamCase, answering, moment, person, standing
from lifecycle.testing.faults import Fault
from lifecycle.testing.pages import change_sources, in_pages_of
from lifecycle.testing.pages import only as only_streams
from tests.databases import NewDatabase, with_every_stream
from tests.sources.cases import PRIVATE
from tests.sources.vendors import CASES, PAGE, SHOP

PROJECT = Path(__file__).parents[1]
KINDS = ("woocommerce", "shopify", "shopware", "sendgrid")
NAMED = {(case.kind, case.stream): case for case in CASES}
ORDERS, BOUNCES = NAMED["woocommerce", "orders"], NAMED["sendgrid", "bounces"]
NEXT_DAY = RUN_DATE + timedelta(days=1)


@pytest.fixture(scope="module")
def the_host() -> Iterator[RecordingHost]:
    with standing() as host:
        yield host


@pytest.fixture
def host(the_host: RecordingHost, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> RecordingHost:
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda _: None)
    change_sources(monkeypatch, partial(in_pages_of, PAGE))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return the_host


@pytest.fixture
def url(new_database: NewDatabase) -> str:
    return new_database(with_every_stream)


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
    found = rows(url, "select source, cursor_at, doc, is_deleted from raw.woocommerce__orders where id = 'demo/7'")
    document = {**order, "billing": {"email": " Ada@Example.com "}, "line_items": [], "coupon": None}
    assert found == [("demo", datetime(2017, 12, 1, 9, tzinfo=UTC), document, False)]


@pytest.mark.parametrize(
    "case",
    [
        *CASES[:6],
        *(NAMED["sendgrid", stream] for stream in ("group_suppressions", "messages", "single_sends")),
        NAMED["shopify", "orders"],
        NAMED["shopware", "orders"],
    ],
    ids=lambda case: f"{case.kind}-{case.stream}",
)
def test_a_pull_that_fails_leaves_nothing_and_the_next_one_brings_everything(
    url: str, host: RecordingHost, case: StreamCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(case, monkeypatch)
    vendor = case.vendor(25)
    several_calls = case.kind == "woocommerce" or case.take or case.stream == "messages"
    vendor.faults.add(Fault("500", path=case.path, times=None, after=1 if several_calls else 0))
    host.show(vendor.app)
    with pytest.raises(RetryLater, match=rf"^demo, stream {case.stream}, page \d: .* 500") as raised:
        pull(url, host, case)
    assert not [word for word in PRIVATE if word in str(raised.value)]
    assert (raw(url, case), rows(url, "select * from raw.pull")) == ({}, [])
    vendor.faults.clear()
    assert pull(url, host, case) == {case.stream: 25}
    assert len(raw(url, case)) == 25


def test_a_failure_leaves_raw_the_pulls_and_every_other_stream_as_they_were(url: str, host: RecordingHost) -> None:
    shop = ORDERS.vendor(25)
    host.show(shop.app)
    pull(url, host)
    state = [f"select * from raw.woocommerce__{stream} order by id" for stream in names("woocommerce")]
    before = [rows(url, statement) for statement in (*state, "select * from raw.pull order by stream")]
    for case in CASES[:3]:
        for n in range(20, 60):
            case.put(shop, n)
    shop.faults.add(Fault("500", path="/products", times=None, after=2))
    with pytest.raises(RetryLater, match="demo, stream products, page 3"):
        pull(url, host, run_date=NEXT_DAY)
    assert [rows(url, statement) for statement in (*state, "select * from raw.pull order by stream")] == before
    shop.faults.clear()
    assert pull(url, host, run_date=NEXT_DAY) == {"orders": 34, "customers": 40, "products": 40}


def test_a_document_that_did_not_change_keeps_its_moment_of_landing(url: str, host: RecordingHost) -> None:
    shop = ORDERS.vendor(3)
    host.show(shop.app)
    pull(url, host)
    landed = "select id, loaded_at from raw.woocommerce__orders"
    before = dict(rows(url, landed))
    shop.put_order({"id": 2, "status": "refunded", "date_modified_gmt": "2017-12-20T00:00:00"})
    assert pull(url, host, run_date=NEXT_DAY)["orders"] == 1
    after = dict(rows(url, landed))
    assert {key for key in after if after[key] != before[key]} == {"demo/2"}
    assert after["demo/2"] > before["demo/2"]


def test_a_refund_that_does_not_date_its_order_is_found_in_recent_orders(url: str, host: RecordingHost) -> None:
    shop = ORDERS.vendor(100)
    host.show(shop.app)
    pull(url, host)
    old, recent = (f"{moment(n):%Y-%m-%dT%H:%M:%S}" for n in (1, 50))
    for number, made in ((1, old), (50, recent)):
        dates = {"date_created_gmt": made, "date_modified_gmt": made}
        shop.put_order({"id": number, "status": "completed", "refunds": [{"id": 1, "total": "-1.00"}], **dates})
    # the first is older than every hour of the overlap but one day, the second is not
    assert pull(url, host, run_date=NEXT_DAY)["orders"] == 2
    assert not [call for call in host.calls_to("/orders") if "page=11" in call.split("modified_after")[0]]


def test_a_pull_goes_on_from_the_latest_change_less_the_overlap(url: str, host: RecordingHost) -> None:
    shop = ORDERS.vendor(25)
    for case in CASES[1:3]:
        case.put(shop, 1)
    host.show(shop.app)
    pull(url, host)
    assert not host.calls_to("modified_after")
    host.show(shop.app)
    pull(url, host, run_date=NEXT_DAY)
    assert host.calls_to("/orders.*modified_after=2017-12-10T01%3A00%3A00")  # a day before the 25th hour
    assert host.calls_to("/orders.*[?]after=2017-12-04T01%3A00%3A00")  # seven days before
    assert host.calls_to("/products.*modified_after=2017-12-09T01%3A00%3A00")
    assert host.calls_to("/customers")
    assert not host.calls_to("/customers.*modified_after")
    cursors = "select stream, count(*), count(distinct cursor_at) from raw.pull group by 1"
    assert set(rows(url, cursors)) == {("orders", 2, 1), ("products", 2, 1), ("customers", 2, 0)}


def test_suppressions_are_read_again_from_two_days_before_the_latest(
    url: str, host: RecordingHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(BOUNCES, monkeypatch)
    esp = BOUNCES.vendor(25)
    host.show(esp.app)
    pull(url, host, BOUNCES)
    host.show(esp.app)
    pull(url, host, BOUNCES, NEXT_DAY)
    latest = datetime(2017, 12, 11, 1, tzinfo=UTC) - timedelta(days=2)
    assert host.calls_to(f"start_time={int(latest.timestamp())}")


def test_a_change_that_is_dated_in_the_future_does_not_move_the_cursor_there(url: str, host: RecordingHost) -> None:
    shop = ORDERS.vendor()
    shop.put_order({"id": 1, "date_modified_gmt": "2999-01-01T00:00:00"})
    host.show(shop.app)
    pull(url, host)
    assert rows(url, "select cursor_at = started_at from raw.pull where stream = 'orders'") == [(True,)]


def test_dates_that_no_calendar_knows_are_no_changes(url: str, host: RecordingHost) -> None:
    shop = Shop()
    stated = ["0000-00-00T00:00:00", "soon", "", None, 20171231, "0001-01-01T00:00:00+14:00"]
    documents = [{"id": n, "date_modified_gmt": moment} for n, moment in enumerate(stated, 1)]
    host.show(answering(shop.app, "/orders", json.dumps(documents).encode()))
    assert pull(url, host)["orders"] == 6
    assert rows(url, "select cursor_at from raw.woocommerce__orders where cursor_at is not null") == []


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
    told = f"{raised.value} {caplog.text} {''.join(capfd.readouterr())}"
    assert not [word for word in PRIVATE if word in told]


def test_the_working_folder_is_ours_alone_and_goes_with_the_pull(url: str, host: RecordingHost, tmp_path: Path) -> None:
    shop = ORDERS.vendor(1)
    host.show(shop.app)
    modes: list[int] = []
    host.before_call[1] = lambda: modes.extend(folder.stat().st_mode & 0o777 for folder in tmp_path.iterdir())
    pull(url, host)
    assert modes == [0o700]
    assert list(tmp_path.iterdir()) == []


@dataclasses.dataclass
class Folder:
    """Files of a shop: name → (version, pages); which of them were read is noted."""

    files: dict[str, tuple[str, list[Page]]] = dataclasses.field(default_factory=dict)
    read: list[str] = dataclasses.field(default_factory=list)

    def part(self, name: str) -> Part:
        def pages() -> Pages:
            self.read.append(name)
            yield from self.files[name][1]

        return Part(name, self.files[name][0], pages)

    def land(self, url: str, source: str = "demo", run_date: date = RUN_DATE) -> int:
        """Land what has not been read yet; how many documents changed."""
        self.read.clear()
        stream = Stream(
            "orders",
            key=lambda item: sources.identity(item, "id"),
            changed_at=lambda _: None,
            parts=lambda: [self.part(name) for name in self.files],
        )
        return extract.land(url, source, "files", [stream], run_date)["orders"]


def page(*numbers: int, rejects: tuple[Reject, ...] = (), **more: Any) -> Page:
    return Page([{"id": n, **more} for n in numbers], rejects=rejects)


def misfit(file: str, line: int) -> Reject:
    return Reject(file, line, "column 'total' (total): must be a number", person(line))


PARTS = "select name, version, documents, rejected from raw.part where source = 'demo' order by 1"
REJECTS = "select file, line, reason, \"row\", run_date from raw.reject where source = 'demo' order by 1, 2"


def test_a_part_is_read_once_and_a_new_version_of_it_anew(url: str) -> None:
    folder = Folder({"a": ("1", [page(1, 2), page(3)]), "b": ("1", [page(4)])})
    assert folder.land(url) == 4
    assert rows(url, PARTS) == [("a", "1", 3, 0), ("b", "1", 1, 0)]
    assert (folder.land(url), folder.read) == (0, [])
    folder.files |= {"a": ("2", [page(1, paid=True), page(5)]), "c": ("1", [])}
    assert (folder.land(url, run_date=NEXT_DAY), folder.read) == (2, ["a", "c"])
    assert rows(url, PARTS) == [("a", "2", 2, 0), ("b", "1", 1, 0), ("c", "1", 0, 0)]
    found = dict(rows(url, "select id, doc from raw.files__orders"))
    assert found == {f"demo/{n}": {"id": n} for n in (2, 3, 4, 5)} | {"demo/1": {"id": 1, "paid": True}}
    assert not rows(url, "select * from raw.files__orders where is_deleted")


def test_a_part_is_known_for_its_source_alone(url: str) -> None:
    folder = Folder({"a": ("1", [page(1, rejects=(misfit("a", 2),))])})
    assert (folder.land(url), folder.land(url, "other"), folder.read) == (1, 1, ["a"])
    folder.files["a"] = ("2", [page(1)])
    folder.land(url, "other")
    assert len(rows(url, REJECTS)) == 1


def test_a_row_that_does_not_fit_is_kept_until_its_file_is_mended(url: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    broken, other = page(1, rejects=(misfit("a", 2), misfit("a", 3))), page(2, rejects=(misfit("b", 7),))
    folder = Folder({"a": ("1", [broken, page(3, rejects=(misfit("a", 9),))]), "b": ("1", [other])})
    assert folder.land(url) == 3
    why = "column 'total' (total): must be a number"
    of_b = ("b", 7, why, person(7), RUN_DATE)
    assert rows(url, REJECTS) == [*(("a", n, why, person(n), RUN_DATE) for n in (2, 3, 9)), of_b]
    assert rows(url, PARTS) == [("a", "1", 2, 3), ("b", "1", 1, 1)]
    assert "demo, stream orders: 4 rows don't fit: see raw.reject" in caplog.text
    assert not [word for word in PRIVATE if word in caplog.text]
    assert folder.land(url, run_date=NEXT_DAY) == 0
    assert len(rows(url, REJECTS)) == 4
    folder.files["a"] = ("2", [page(1, 2, rejects=(misfit("a", 3),))])
    assert folder.land(url, run_date=NEXT_DAY) == 0
    assert rows(url, REJECTS) == [("a", 3, why, person(3), NEXT_DAY), of_b]
    folder.files["a"] = ("3", [page(1, 2, 3)])
    folder.land(url, run_date=NEXT_DAY)
    assert rows(url, REJECTS) == [of_b]


def test_more_misfits_than_can_be_an_accident_stop_the_pull_with_nothing_landed(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extract, "MOST_REJECTS", 3)
    folder = Folder({"a": ("1", [page(1, rejects=(misfit("a", 2), misfit("a", 3)))])})
    folder.files["b"] = ("1", [page(2, rejects=(misfit("b", 2), misfit("b", 3)))])
    words = "^demo, stream orders, page 2: more than 3 rows don't fit, the first because: column 'total'"
    with pytest.raises(AnswerUnreadable, match=words) as raised:
        folder.land(url)
    assert not [word for word in PRIVATE if word in str(raised.value)]
    tables = ("raw.files__orders", "raw.part", "raw.reject", "raw.pull")
    assert [rows(url, f"select * from {table}") for table in tables] == [[], [], [], []]
    folder.files["b"] = ("2", [page(2, rejects=(misfit("b", 2),))])
    assert (folder.land(url), folder.read) == (2, ["a", "b"])
    assert len(rows(url, REJECTS)) == 3


def test_a_part_that_breaks_off_is_read_anew_with_all_that_came_with_it(url: str) -> None:
    folder = Folder({"a": ("1", [page(1, rejects=(misfit("a", 2),))]), "b": ("1", [page(2), Page([{"no": "key"}])])})
    with pytest.raises(AnswerUnreadable, match=r"^demo, stream orders, page 3: a document has no key"):
        folder.land(url)
    assert (rows(url, PARTS), rows(url, REJECTS)) == ([], [])
    folder.files["b"] = ("1", [page(2)])
    assert (folder.land(url), folder.read) == (2, ["a", "b"])


def test_a_row_that_does_not_fit_is_kept_whatever_text_it_holds(url: str) -> None:
    odd = Reject("a", 1, "the line is no JSON", "nul \0, half \ud83d, whole \U0001f600, 'quote")
    folder = Folder({"a": ("1", [page(1, rejects=(odd,))])})
    assert folder.land(url) == 1
    [(*_, row, _)] = rows(url, REJECTS)
    assert row == "nul \ufffd, half \ufffd, whole \U0001f600, 'quote"


def test_progress_is_told_in_pages_documents_rate_and_what_is_to_come(
    url: str, host: RecordingHost, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(extract, "PROGRESS_EVERY", -1)
    caplog.set_level("INFO")
    host.show(BOUNCES.vendor(25).app)  # a source that does not tell how many there are
    extract.land(url, "demo", "sendgrid", [BOUNCES.open(host)], RUN_DATE)
    host.show(ORDERS.vendor(25).app)
    extract.land(url, "demo", "woocommerce", [ORDERS.open(host)], RUN_DATE)
    told = [re.sub(r"\d+ a second", "N a second", line) for line in caplog.messages if "a second" in line]
    assert told[-4:] == [
        "demo, stream orders: 1 pages, 10 documents, N a second, 15 to come",
        "demo, stream orders: 2 pages, 20 documents, N a second, 5 to come",
        "demo, stream orders: 3 pages, 25 documents, N a second, 0 to come",
        "demo, stream orders, whole: 3 pages, 25 documents, N a second, 0 to come",
    ]
    assert re.fullmatch(r"demo, stream bounces, whole: \d pages, 25 documents, N a second", told[-5])
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


PULL = """
import datetime, sys
from lifecycle import extract, settings
from lifecycle.sources.woocommerce import WooCommerceShop
shop = WooCommerceShop(kind="woocommerce", connection="shop", timezone="UTC", currency="USD")
where = settings.Connection("shop", host=sys.argv[2], login="ck_demo", password="cs_demo")
extract.run(sys.argv[1], "demo", shop, where, datetime.date(2017, 12, 31))
"""


@contextlib.contextmanager
def pulling(url: str, host: RecordingHost, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A pull in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(PROJECT / "plugins"), "TMPDIR": str(folder)}
    with subprocess.Popen([sys.executable, "-c", PULL, url, host.url], env=environment) as process:
        yield process
        process.kill()


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        threading.Event().wait(0.02)


def alone(url: str) -> bool:
    others = "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
    return rows(url, others) == [(0,)]


def content(url: str) -> list[Any]:
    documents = [f"select id, source, cursor_at, doc from raw.woocommerce__{s}" for s in names("woocommerce")]
    return [sorted(map(str, rows(url, statement))) for statement in documents] + [
        sorted(rows(url, "select source, stream, run_date, documents, cursor_at from raw.pull"))
    ]


@pytest.fixture
def big_shop(host: RecordingHost, monkeypatch: pytest.MonkeyPatch) -> RecordingHost:
    """A shop of 17 pages."""
    change_sources(monkeypatch, partial(in_pages_of, 100))
    at = {"status": "completed", "date_created_gmt": "2017-12-01T00:00:00"}
    orders = [{"id": n, **at} for n in range(1, 1101)]
    host.show(Shop(orders=orders, products=[{"id": n} for n in range(1, 501)]).app)
    return host


def test_a_pull_that_is_killed_at_any_moment_and_repeated_gives_what_one_gives(
    new_database: NewDatabase, big_shop: RecordingHost, tmp_path: Path
) -> None:
    undisturbed, url = new_database(with_every_stream), new_database(with_every_stream)
    pull(undisturbed, big_shop)
    with pulling(url, big_shop, tmp_path) as process:
        death = threading.Timer(random.uniform(0, 0.8), process.kill)  # noqa: S311 - any moment will do
        big_shop.before_call[len(big_shop.calls) + random.randint(1, 17)] = death.start  # noqa: S311
        process.wait()
    until(partial(alone, url))
    if rows(url, "select * from raw.pull"):  # it was whole before it died, so the next goes on where it ended
        pull(undisturbed, big_shop)
    pull(url, big_shop)
    assert content(url) == content(undisturbed)
    assert not [folder for folder in tmp_path.iterdir() if folder.name.startswith("lifecycle-")]


def test_a_pull_that_is_killed_just_before_it_commits_leaves_nothing(
    url: str, big_shop: RecordingHost, tmp_path: Path
) -> None:
    blocked = "select count(*) > 0 from pg_locks where relation = 'raw.pull'::regclass and not granted"
    with warehouse.connect(url) as gate:
        gate.execute("lock table raw.pull in share mode")  # it can be read, and not written
        with pulling(url, big_shop, tmp_path) as process:
            until(lambda: rows(url, blocked) == [(True,)])
            process.kill()
            assert process.wait() == -signal.SIGKILL
    until(partial(alone, url))
    assert raw(url, ORDERS) == {}
    assert rows(url, "select * from raw.pull") == []
    assert pull(url, big_shop) == {"orders": 1100, "customers": 0, "products": 500}


def test_a_document_without_a_key_stops_the_pull(url: str, host: RecordingHost) -> None:
    host.show(answering(Shop().app, "/orders", b'[{"id": 1}, {"number": 2}]'))
    with pytest.raises(AnswerUnreadable, match="demo, stream orders, page 1: a document has no key"):
        pull(url, host)
    assert raw(url, ORDERS) == {}
