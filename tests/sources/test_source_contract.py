"""What every stream of every source keeps to, whatever the server does."""

import csv
import gzip
import io
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from demo.esp import Esp, Pace
from lifecycle import connectors
from lifecycle.errors import AnswerUnreadable, RetryLater
from lifecycle.sources import Document, source_kind
from lifecycle.testing.cases import (
    BEGIN,
    DOCUMENTS,
    RUN_DATE,
    RecordingHost,
    StreamCase,
    all_of,
    answering,
    moment,
    number,
    person,
)
from lifecycle.testing.faults import Fault
from lifecycle.testing.sources import SourceContract
from tests.sources import vendors
from tests.sources.vendors import CASES, new_esp

NAMED = {(case.kind, case.stream): case for case in CASES}
ORDERS, CUSTOMERS, PRODUCTS = (NAMED["woocommerce", stream] for stream in ("orders", "customers", "products"))
CONTACTS, MEMBERS, BOUNCES, MESSAGES = (
    NAMED["sendgrid", stream] for stream in ("contacts", "list_members", "bounces", "messages")
)


class TestOurSources(SourceContract):
    cases = CASES

    @pytest.fixture(autouse=True)
    def small_files(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("lifecycle.sources.shopify.bulk.BULK_PAGE", vendors.PAGE)


def test_every_stream_that_is_read_page_by_page_has_a_case() -> None:
    kinds = {case.kind: case for case in CASES}
    for kind, case in kinds.items():
        connection = RecordingHost(url="http://localhost").connection()
        source = source_kind(kind)
        opened = source.open(case.config, connection, RUN_DATE)
        assert [stream.name for stream in opened] == list(source.read(case.config))
        assert [stream.name for stream in opened if stream.pages] == [
            each.stream for each in CASES if each.kind == kind
        ]
    assert {*connectors.kinds("sources")} - {*kinds} == {"files", "sql"}


def test_a_listing_that_never_comes_to_rest_is_tried_later(host: RecordingHost) -> None:
    esp = BOUNCES.vendor(DOCUMENTS)
    esp.faults.add(Fault("page_shift", path=BOUNCES.path, shift=5, times=None))
    host.show(esp.app)
    assert "faster" in BOUNCES.refusal(host, RetryLater)


def test_a_server_that_ignores_the_offset_is_unreadable(host: RecordingHost) -> None:
    page = [{"email": person(n), "created": n} for n in range(vendors.PAGE)]
    host.show(answering(new_esp().app, BOUNCES.path, json.dumps(page).encode()))
    assert "again" in BOUNCES.refusal(host, AnswerUnreadable)


@pytest.mark.parametrize("case", [ORDERS, PRODUCTS], ids=lambda case: case.stream)
def test_a_shop_is_asked_in_utc_for_what_changed_since(host: RecordingHost, case: StreamCase) -> None:
    host.show(case.vendor(DOCUMENTS).app)
    since = moment(21).astimezone(ZoneInfo("Asia/Kolkata"))
    assert case.numbers(host, since) == {22, 23, 24, 25}
    # of what is older than a day, recent orders are read by the date of their making
    asked = moment(21) + timedelta(days=6 if case is ORDERS else 0)
    assert f"modified_after={asked:%Y-%m-%dT%H%%3A%M%%3A%S}&dates_are_gmt=true" in host.calls[0]


def test_suppressions_and_messages_are_asked_for_since_a_moment(host: RecordingHost) -> None:
    for case in (BOUNCES, MESSAGES):
        host.show(case.vendor(DOCUMENTS).app)
        seen = {number(document) for document in case.read(host, moment(21))}
        assert seen == {21, 22, 23, 24, 25}


def test_a_window_of_messages_is_split_until_each_part_is_whole(host: RecordingHost) -> None:
    esp = new_esp()
    for n in range(1, DOCUMENTS + 1):
        put_message_at(esp, n, BEGIN + timedelta(seconds=n // 2))
    host.show(esp.app)
    assert sorted(number(document) for document in MESSAGES.read(host)) == sorted(all_of(DOCUMENTS))


def test_a_second_with_more_messages_than_can_be_listed_is_an_error(host: RecordingHost) -> None:
    esp = new_esp()
    for n in range(vendors.PAGE):
        put_message_at(esp, n, BEGIN)
    host.show(esp.app)
    assert "can't list them all" in MESSAGES.refusal(host, AnswerUnreadable)


def put_message_at(esp: Esp, n: int, moment: datetime) -> None:
    message = {"msg_id": f"m{n}", "from_email": "news@example.com", "subject": "Hi", "to_email": person(n)}
    counts = {"status": "delivered", "opens_count": 0, "clicks_count": 0}
    esp.add_messages([{**message, **counts, "last_event_time": moment.isoformat()}])


def as_lines(rows: list[Document]) -> str:
    return "\n".join(json.dumps(row) for row in rows) + "\n"


def as_csv(rows: list[Document]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


@pytest.mark.parametrize("pack", [gzip.compress, bytes], ids=["packed", "plain"])
@pytest.mark.parametrize("form", [as_lines, json.dumps, as_csv], ids=["lines", "list", "csv"])
@pytest.mark.parametrize("key", ["CONTACT_ID", "contact_id"])
def test_an_export_is_read_in_whatever_form_it_comes(
    host: RecordingHost, form: Callable[[list[Document]], str], key: str, pack: Callable[[bytes], bytes]
) -> None:
    rows: list[Document] = [{key: f"c{n}", "EMAIL": person(n), "CITY": 'Genève, "GE"\n'} for n in (1, 2)]
    body = pack(form(rows).encode("utf-8-sig"))
    host.show(answering(new_esp().app, "/_files/", body))
    assert CONTACTS.read(host) == [
        {"contact_id": f"c{n}", "email": person(n), "city": 'Genève, "GE"\n'} for n in (1, 2)
    ]


@pytest.mark.parametrize("form", [as_lines, json.dumps, as_csv], ids=["lines", "list", "csv"])
def test_a_long_export_is_read_whole_in_every_form(host: RecordingHost, form: Callable[[list[Document]], str]) -> None:
    rows: list[Document] = [
        {"contact_id": f"c{n}", "email": person(n), "city": "ä" * (n % 400)} for n in range(1, 2001)
    ]
    host.show(answering(new_esp().app, "/_files/", gzip.compress(form(rows).encode())))
    assert CONTACTS.read(host) == rows


@pytest.mark.parametrize(
    "body",
    [
        b'[{"contact_id": "1"}',
        b'[{"contact_id": "1"} {"contact_id": "2"}]',
        b'[{"contact_id": "1"},]',
        b"[]]",
        b"[,]",
        gzip.compress(b'{"contact_id": "1", "email": "a@example.com"}\n' * 9)[:-9],
    ],
    ids=range(6),
)
def test_a_damaged_export_is_unreadable(host: RecordingHost, body: bytes) -> None:
    host.show(answering(new_esp().app, "/_files/", body))
    assert "not a whole file" in CONTACTS.refusal(host, AnswerUnreadable)


def test_a_transfer_that_breaks_off_gives_no_row_twice(host: RecordingHost, pauses: list[float]) -> None:
    esp = CONTACTS.vendor(50)
    esp.faults.add(Fault("reset_mid_body", path="/_files/", times=2))
    host.show(esp.app)
    assert len(CONTACTS.read(host)) == 50
    assert len(host.calls_to("/_files/")) == 3
    assert len(pauses) == 2


def test_an_export_in_several_files_is_read_one_after_the_other(host: RecordingHost) -> None:
    esp = CONTACTS.vendor(1)
    files = [f"{host.url}/_files/{n}" for n in (1, 2)]
    bodies = {n: as_lines([{"contact_id": f"c{n}", "email": person(n)}]).encode() for n in (1, 2)}
    app = answering(esp.app, "/exports/.+", json.dumps({"status": "ready", "urls": files}).encode())
    for n, body in bodies.items():
        app = answering(app, f"/_files/{n}", body)
    host.show(app)
    assert [row["contact_id"] for row in CONTACTS.read(host)] == ["c1", "c2"]


def test_an_empty_export_has_nobody(host: RecordingHost) -> None:
    host.show(answering(new_esp().app, "/_files/", b""))
    assert CONTACTS.read(host) == []


def test_an_export_is_waited_for(host: RecordingHost, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr("lifecycle.sources.sendgrid.api.time.sleep", waited.append)
    esp = Esp(pace=Pace(polls=9, seconds=None))
    esp.add_contact(person(1))
    host.show(esp.app)
    assert len(CONTACTS.read(host)) == 1
    assert len(waited) == 9
    assert max(waited) == 10


@pytest.mark.parametrize("status", ["failure", "pending"])
def test_an_export_that_fails_or_hangs_is_tried_later(
    host: RecordingHost, monkeypatch: pytest.MonkeyPatch, status: str
) -> None:
    monkeypatch.setattr("lifecycle.sources.sendgrid.api.EXPORT_PATIENCE", timedelta(seconds=0.05))
    body = json.dumps({"status": status}).encode()
    host.show(answering(new_esp().app, "/exports/.+", body))
    assert status in CONTACTS.refusal(host, RetryLater)


def test_the_key_does_not_go_to_where_files_are_kept(host: RecordingHost) -> None:
    host.show(CONTACTS.vendor(1).app)
    CONTACTS.read(host)
    assert [key is None for key in host.keys] == ["/_files/" in call for call in host.calls]


def test_an_opt_in_list_that_is_not_there_has_no_members_and_is_named(
    host: RecordingHost, caplog: pytest.LogCaptureFixture
) -> None:
    host.show(Esp(pace=Pace(polls=0, seconds=None)).app)
    assert MEMBERS.read(host) == []
    assert "opt-in list 'Newsletter' is not at the provider" in caplog.text


def test_an_opt_in_list_is_found_behind_the_first_page_of_lists(host: RecordingHost) -> None:
    esp = MEMBERS.vendor(1)
    for n in range(2000):
        esp.add_list(f"List {n}")
    host.show(esp.app)
    assert len(MEMBERS.read(host)) == 1
    assert len(host.calls_to("/lists")) == 3
