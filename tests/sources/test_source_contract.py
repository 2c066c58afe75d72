"""What every stream of every source keeps to, whatever the server does."""

import csv
import gzip
import io
import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from demo.esp import Esp, Pace
from demo.faults import Fault
from lifecycle import connectors, web
from lifecycle.errors import AccessDenied, AnswerUnreadable, LifecycleError, RetryLater
from lifecycle.sources import Document, source_kind
from tests.sources import cases, vendors
from tests.sources.cases import PRIVATE, Case, Stage, answering, number, person
from tests.sources.vendors import CASES, new_esp

DOCUMENTS = 25
NAMED = {(case.kind, case.stream): case for case in CASES}
ORDERS, CUSTOMERS, PRODUCTS = (NAMED["woocommerce", stream] for stream in ("orders", "customers", "products"))
CONTACTS, MEMBERS, BOUNCES, MESSAGES = (
    NAMED["sendgrid", stream] for stream in ("contacts", "list_members", "bounces", "messages")
)
#: Streams of events, which nothing undoes.
EVENTS = {"messages", "state_history"}
SHIFTING = [ORDERS, CUSTOMERS, PRODUCTS, BOUNCES]


every_stream = pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.kind}-{case.stream}")
every_vanishing_stream = pytest.mark.parametrize(
    "case", [case for case in CASES if case.stream not in EVENTS], ids=lambda case: f"{case.kind}-{case.stream}"
)
every_shifting_stream = pytest.mark.parametrize("case", SHIFTING, ids=lambda case: case.stream)


def refusal(case: Case, stage: Stage, kind: type[LifecycleError]) -> str:
    """The words of the error that the reading ends with, which name the place and nothing private."""
    with pytest.raises(kind, match=rf"^demo, stream {case.stream}, page \d+: ") as raised:
        case.read(stage)
    assert type(raised.value) is kind
    words = str(raised.value)
    assert not [word for word in PRIVATE if word in words]
    return words


def all_of(count: int) -> set[int]:
    return set(range(1, count + 1))


@every_vanishing_stream
def test_what_is_there_is_listed_to_the_last(stage: Stage, case: Case) -> None:
    vendor = case.vendor(DOCUMENTS)
    stage.show(vendor.app)
    whole = case.listed(stage)
    assert len(whole) == DOCUMENTS
    if case.take:
        case.take(vendor, 7)
        assert len(whole - case.listed(stage)) == 1


def test_every_stream_that_is_read_page_by_page_has_a_case() -> None:
    kinds = {case.kind: case for case in CASES}
    for kind, case in kinds.items():
        connection = Stage(url="http://localhost").connection()
        source = source_kind(kind)
        given = source.open(case.about, connection, cases.RUN_DATE)
        assert [stream.name for stream in given] == list(source.read(case.about))
        assert [stream.name for stream in given if stream.pages] == [each.stream for each in CASES if each.kind == kind]
    assert {*connectors.kinds("sources")} - {*kinds} == {"files", "sql"}


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 20, DOCUMENTS])
@every_stream
def test_every_document_comes_whatever_the_number_of_pages(stage: Stage, case: Case, count: int) -> None:
    stage.show(case.vendor(count).app)
    documents = case.read(stage)
    assert {case.number(document) for document in documents} == all_of(count)
    assert len({json.dumps(document) for document in documents}) == count


@pytest.mark.parametrize("status", ["401", "403"])
@every_stream
def test_a_refused_credential_is_not_tried_again(stage: Stage, case: Case, status: str) -> None:
    vendor = case.vendor(DOCUMENTS)
    vendor.faults.add(Fault(status, path=case.path, times=None))
    stage.show(vendor.app)
    assert status in refusal(case, stage, AccessDenied)
    assert len(stage.calls_to(case.path.rstrip("$"))) == 1


@every_stream
def test_a_busy_server_gets_the_pause_that_it_asks_for(stage: Stage, case: Case, pauses: list[float]) -> None:
    vendor = case.vendor(DOCUMENTS)
    vendor.faults.add(Fault("429", path=case.path, retry_after=100, style="reset_seconds"))
    stage.show(vendor.app)
    assert case.numbers(stage) == all_of(DOCUMENTS)
    assert pauses == [100]


@pytest.mark.parametrize("kind", ["500", "reset_mid_body"])
@every_stream
def test_one_failure_in_the_middle_is_tried_again(stage: Stage, case: Case, kind: str, pauses: list[float]) -> None:
    vendor = case.vendor(DOCUMENTS)
    vendor.faults.add(Fault(kind, path=case.path, after=1), Fault(kind, path=case.path))
    stage.show(vendor.app)
    assert case.numbers(stage) == all_of(DOCUMENTS)
    assert pauses


@every_stream
def test_an_answer_that_does_not_come_in_time_is_asked_for_again(
    stage: Stage, case: Case, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    vendor = case.vendor(DOCUMENTS)
    vendor.faults.add(Fault("timeout", path=case.path))
    stage.show(vendor.app)
    monkeypatch.setattr(web, "TIMEOUT", 1)
    assert case.numbers(stage) == all_of(DOCUMENTS)
    assert pauses


@every_stream
def test_a_server_that_never_answers_in_time_is_tried_later(
    stage: Stage, case: Case, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    vendor = case.vendor(1)
    vendor.faults.add(Fault("timeout", path=case.path, times=None))
    stage.show(vendor.app)
    monkeypatch.setattr(web, "TIMEOUT", 0.5)
    monkeypatch.setattr(web, "ATTEMPTS", 2)
    assert "no complete response (ReadTimeout)" in refusal(case, stage, RetryLater)
    assert len([call for call in stage.calls if re.search(case.path, call.split("?")[0])]) == 2
    assert pauses


@every_stream
def test_a_lasting_failure_is_an_error_and_never_an_end(stage: Stage, case: Case, pauses: list[float]) -> None:
    vendor = case.vendor(DOCUMENTS)
    several_calls = case.kind == "woocommerce" or case.take or case is MESSAGES
    vendor.faults.add(Fault("500", path=case.path, times=None, after=1 if several_calls else 0))
    stage.show(vendor.app)
    assert "500" in refusal(case, stage, RetryLater)
    assert len(pauses) == web.ATTEMPTS - 1


@pytest.mark.parametrize("kind", ["truncated", "not_json"])
@every_stream
def test_an_answer_that_is_no_whole_document_is_unreadable(stage: Stage, case: Case, kind: str) -> None:
    vendor = case.vendor(DOCUMENTS)
    vendor.faults.add(Fault(kind, path=case.path, times=None))
    stage.show(vendor.app)
    refusal(case, stage, AnswerUnreadable)


@pytest.mark.parametrize(
    "body",
    [
        '{"error": "p1@example.com"}',
        "[1]",
        '["p1@example.com"]',
        "[null]",
        '[{"name": "p1@example.com"}]',
        '[{"id": null, "contact_id": null, "email": null, "created": 1, "group_id": 1}]',
        "null",
        '"p1@example.com"',
        '{"messages": {}}',
        '{"messages": [1]}',
        '{"messages": [{"msg_id": null}]}',
    ],
)
@every_stream
def test_an_answer_of_another_shape_is_unreadable(stage: Stage, case: Case, body: str) -> None:
    stage.show(answering(case.vendor(1).app, case.path, body.encode()))
    refusal(case, stage, AnswerUnreadable)


@every_stream
def test_texts_and_numbers_of_every_kind_come_through(stage: Stage, case: Case) -> None:
    vendor = case.vendor(1)
    stage.show(vendor.app)
    (document,) = case.read(stage)
    sent = '"nul": "\\u0000", "half": "\\ud83d", "lines": "a\u2028b\u0085c", "beyond": 1e999, "big": 1' + "0" * 99
    kept = {"nul": "\ufffd", "half": "\ufffd", "lines": "a\u2028b\u0085c", "beyond": None, "big": 10**99}
    body = case.wrap(f"{json.dumps(document)[:-1]}, {sent}}}")
    stage.show(answering(vendor.app, case.path, body.encode()))
    assert [read for read in case.read(stage) if read != document | kept] == []


def of_another_type(value: object) -> object:
    return 7 if isinstance(value, str) else "many"


def nothing(_: object) -> object:
    return None


def a_list(_: object) -> object:
    return [{}]


def an_object(_: object) -> object:
    return {"a": []}


def is_of_key(case: Case, stage: Stage, document: Document, name: str) -> bool:
    key = case.open(stage).key
    return key({**document, name: "another"}) != key(document)


@pytest.mark.parametrize("another", [of_another_type, nothing, a_list, an_object])
@every_stream
def test_a_field_of_another_type_is_no_reason_to_lose_a_document(
    stage: Stage, case: Case, another: Callable[[object], object]
) -> None:
    vendor = case.vendor(1)
    stage.show(vendor.app)
    (document,) = case.read(stage)
    changed = {name: old if is_of_key(case, stage, document, name) else another(old) for name, old in document.items()}
    stage.show(answering(vendor.app, case.path, case.wrap(json.dumps(changed)).encode()))
    assert case.read(stage) == [changed]


@every_stream
def test_a_field_that_disappeared_is_no_reason_to_lose_a_document(stage: Stage, case: Case) -> None:
    vendor = case.vendor(1)
    stage.show(vendor.app)
    (document,) = case.read(stage)
    left = {name: value for name, value in document.items() if is_of_key(case, stage, document, name)}
    stage.show(answering(vendor.app, case.path, case.wrap(json.dumps(left)).encode()))
    (read,) = case.read(stage)
    assert {name: read[name] for name in left} == left
    assert not [name for name in {*read} - {*left} if read[name] == document[name] and name != "list_name"]


def _vanish(case: Case, vendor: Any, *gone: int) -> None:
    for n in gone:
        if case.take:
            case.take(vendor, n)


def _join(case: Case, vendor: Any, *new: int) -> None:
    for n in new:
        case.put(vendor, n)


@pytest.mark.parametrize("call", [2, 3])
@pytest.mark.parametrize("gone", [[20], [8], range(4, 23), all_of(DOCUMENTS)], ids=str)
@every_shifting_stream
def test_what_stays_is_not_lost_when_other_documents_vanish_while_we_read(
    stage: Stage, case: Case, gone: list[int], call: int
) -> None:
    vendor = case.vendor(DOCUMENTS)
    stage.show(vendor.app)
    stage.before_call[call] = partial(_vanish, case, vendor, *gone)
    assert case.numbers(stage) >= all_of(DOCUMENTS) - set(gone)


@every_shifting_stream
def test_nothing_is_lost_when_documents_vanish_between_all_pages(stage: Stage, case: Case) -> None:
    vendor = case.vendor(DOCUMENTS)
    stage.show(vendor.app)
    for call in range(2, 20):
        stage.before_call[call] = partial(_vanish, case, vendor, call, 26 - call)
    stays = all_of(DOCUMENTS) - set(range(2, 25))
    assert case.numbers(stage) >= stays


@every_shifting_stream
def test_nothing_is_lost_when_documents_join_while_we_read(stage: Stage, case: Case) -> None:
    vendor = case.vendor(DOCUMENTS)
    stage.show(vendor.app)
    stage.before_call[2] = partial(_join, case, vendor, *range(26, 30))
    assert case.numbers(stage) >= all_of(DOCUMENTS)


@pytest.mark.parametrize("shift", [1, 9, -1, -5])
@every_shifting_stream
def test_nothing_is_lost_when_a_page_comes_shifted(stage: Stage, case: Case, shift: int) -> None:
    vendor = case.vendor(DOCUMENTS)
    vendor.faults.add(Fault("page_shift", path=case.path, shift=shift, after=1))
    stage.show(vendor.app)
    assert case.numbers(stage) == all_of(DOCUMENTS)


def test_a_listing_that_never_comes_to_rest_is_tried_later(stage: Stage) -> None:
    esp = BOUNCES.vendor(DOCUMENTS)
    esp.faults.add(Fault("page_shift", path=BOUNCES.path, shift=5, times=None))
    stage.show(esp.app)
    assert "faster" in refusal(BOUNCES, stage, RetryLater)


def test_a_server_that_ignores_the_offset_is_unreadable(stage: Stage) -> None:
    page = [{"email": person(n), "created": n} for n in range(vendors.PAGE)]
    stage.show(answering(new_esp().app, BOUNCES.path, json.dumps(page).encode()))
    assert "again" in refusal(BOUNCES, stage, AnswerUnreadable)


@pytest.mark.parametrize("case", [ORDERS, PRODUCTS], ids=lambda case: case.stream)
def test_a_shop_is_asked_in_utc_for_what_changed_since(stage: Stage, case: Case) -> None:
    stage.show(case.vendor(DOCUMENTS).app)
    since = cases.moment(21).astimezone(ZoneInfo("Asia/Kolkata"))
    assert case.numbers(stage, since) == {22, 23, 24, 25}
    # of what is older than a day, recent orders are read by the date of their making
    asked = cases.moment(21) + timedelta(days=6 if case is ORDERS else 0)
    assert f"modified_after={asked:%Y-%m-%dT%H%%3A%M%%3A%S}&dates_are_gmt=true" in stage.calls[0]


def test_suppressions_and_messages_are_asked_for_since_a_moment(stage: Stage) -> None:
    for case in (BOUNCES, MESSAGES):
        stage.show(case.vendor(DOCUMENTS).app)
        seen = {number(document) for document in case.read(stage, cases.moment(21))}
        assert seen == {21, 22, 23, 24, 25}


def test_a_window_of_messages_is_split_until_each_part_is_whole(stage: Stage) -> None:
    esp = new_esp()
    for n in range(1, DOCUMENTS + 1):
        put_message_at(esp, n, cases.BEGIN + timedelta(seconds=n // 2))
    stage.show(esp.app)
    assert sorted(number(document) for document in MESSAGES.read(stage)) == sorted(all_of(DOCUMENTS))


def test_a_second_with_more_messages_than_can_be_listed_is_an_error(stage: Stage) -> None:
    esp = new_esp()
    for n in range(vendors.PAGE):
        put_message_at(esp, n, cases.BEGIN)
    stage.show(esp.app)
    assert "can't list them all" in refusal(MESSAGES, stage, AnswerUnreadable)


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
    stage: Stage, form: Callable[[list[Document]], str], key: str, pack: Callable[[bytes], bytes]
) -> None:
    rows: list[Document] = [{key: f"c{n}", "EMAIL": person(n), "CITY": 'Genève, "GE"\n'} for n in (1, 2)]
    body = pack(form(rows).encode("utf-8-sig"))
    stage.show(answering(new_esp().app, "/_files/", body))
    assert CONTACTS.read(stage) == [
        {"contact_id": f"c{n}", "email": person(n), "city": 'Genève, "GE"\n'} for n in (1, 2)
    ]


def test_an_empty_export_has_nobody(stage: Stage) -> None:
    stage.show(answering(new_esp().app, "/_files/", b""))
    assert CONTACTS.read(stage) == []


def test_an_export_is_waited_for(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr("lifecycle.sources.sendgrid.api.time.sleep", waited.append)
    esp = Esp(pace=Pace(polls=9, seconds=None))
    esp.add_contact(person(1))
    stage.show(esp.app)
    assert len(CONTACTS.read(stage)) == 1
    assert len(waited) == 9
    assert max(waited) == 10


@pytest.mark.parametrize("status", ["failure", "pending"])
def test_an_export_that_fails_or_hangs_is_tried_later(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, status: str
) -> None:
    monkeypatch.setattr("lifecycle.sources.sendgrid.api.EXPORT_PATIENCE", timedelta(seconds=0.05))
    body = json.dumps({"status": status}).encode()
    stage.show(answering(new_esp().app, "/exports/.+", body))
    assert status in refusal(CONTACTS, stage, RetryLater)


def test_the_key_does_not_go_to_where_files_are_kept(stage: Stage) -> None:
    stage.show(CONTACTS.vendor(1).app)
    CONTACTS.read(stage)
    assert [key is None for key in stage.keys] == ["/_files/" in call for call in stage.calls]


def test_an_opt_in_list_that_is_not_there_has_no_members_and_is_named(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    stage.show(Esp(pace=Pace(polls=0, seconds=None)).app)
    assert MEMBERS.read(stage) == []
    assert "opt-in list 'Newsletter' is not at the provider" in caplog.text


def test_an_opt_in_list_is_found_behind_the_first_page_of_lists(stage: Stage) -> None:
    esp = MEMBERS.vendor(1)
    for n in range(2000):
        esp.add_list(f"List {n}")
    stage.show(esp.app)
    assert len(MEMBERS.read(stage)) == 1
    assert len(stage.calls_to("/lists")) == 3
