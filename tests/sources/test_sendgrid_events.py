"""SendGrid's own ways: files of the event webhook, what was sent, everything that is suppressed, and scopes."""

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import fsspec
import pytest

from demo.esp import Esp
from lifecycle import extract, settings
from lifecycle.errors import AccessDenied, AnswerUnreadable, RetryLater, SettingsInvalid
from lifecycle.sources import Document, Part, Reject, Stream, source_kind
from lifecycle.sources.sendgrid import SendGridEsp, events
from lifecycle.testing.cases import RUN_DATE, RecordingHost, answering, moment, person
from lifecycle.testing.faults import Fault
from tests.sources.vendors import ESP, PAGE, new_esp

DOCUMENTS = 25
#: As SendGrid posts them: a category may be a text or a list, and a Single Send brings fields of its own.
OPEN = {
    "email": "p1@example.com",
    "event": "open",
    "sg_event_id": "b3Blbg",
    "sg_message_id": "AbC.recvd-1-1",
    "sg_machine_open": True,
    "singlesend_id": "27c21bbf-a12c-440b-b8bf-c526975328ca",
    "category": "spring",
    "timestamp": 1512950400,
}
BOUNCE = {
    "email": "p2@example.com",
    "event": "bounce",
    "type": "blocked",
    "sg_event_id": "Ym91bmNl==",
    "sg_message_id": "DeF.recvd-1-1",
    "category": ["spring", "sale"],
    "timestamp": 1512950401,
}


NAMES = tuple(spec.name for spec in source_kind("sendgrid").streams)
SUPPRESSIONS = ("bounces", "blocks", "spam_reports", "unsubscribes", "invalid_emails")


def the(host: RecordingHost, name: str, config: SendGridEsp = ESP, key: str = "SG.demo") -> Stream:
    connection = settings.Connection("test", host=host.url, login="apikey", password=key)
    return next(each for each in source_kind("sendgrid").open(config, connection, RUN_DATE) if each.name == name)


def documents(stream: Stream) -> list[Document]:
    assert stream.pages
    return [document for page in stream.pages(None) for document in page]


def listed(stream: Stream) -> set[str]:
    assert stream.listing
    return {stream.key(document) for page in stream.listing() for document in page}


def lines(*values: object) -> bytes:
    return b"".join(json.dumps(value).encode() + b"\n" for value in values)


def parts(folder: Path | str, page_size: int = PAGE) -> list[Part]:
    return list(events.parts(str(folder), page_size))


def whole(part: Part) -> tuple[list[Document], list[Reject]]:
    pages = list(part.pages())
    rejects = [reject for page in pages for reject in getattr(page, "rejects", ())]
    return [document for page in pages for document in page], rejects


def test_every_stream_of_sendgrid_is_given_in_order(host: RecordingHost) -> None:
    streams = source_kind("sendgrid").open(ESP, host.connection(), RUN_DATE)
    assert tuple(stream.name for stream in streams) == NAMES


def test_without_event_files_there_are_no_events(host: RecordingHost) -> None:
    stream = the(host, "events")
    assert stream.parts
    assert list(stream.parts()) == []


def test_events_come_from_every_file_below_the_folder_plain_and_packed(host: RecordingHost, tmp_path: Path) -> None:
    (tmp_path / "2017-12-10" / "eu").mkdir(parents=True)
    (tmp_path / "a.jsonl").write_bytes(lines(OPEN))
    (tmp_path / "2017-12-10" / "eu" / "b.jsonl.gz").write_bytes(gzip.compress(lines([BOUNCE])))
    stream = the(host, "events", ESP.model_copy(update={"event_files": str(tmp_path)}))
    assert stream.parts
    documents = [document for part in stream.parts() for document in whole(part)[0]]
    assert sorted(stream.key(document) for document in documents) == ["Ym91bmNl==", "b3Blbg"]
    assert sorted(at for document in documents if (at := stream.changed_at(document))) == [
        datetime(2017, 12, 11, 0, 0, 0, tzinfo=UTC),
        datetime(2017, 12, 11, 0, 0, 1, tzinfo=UTC),
    ]


def test_a_pattern_names_files_or_folders(tmp_path: Path) -> None:
    for name in ("2017-11-30/23.jsonl", "2017-12-01/00.jsonl", "2017-12-02/00.jsonl"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(lines(OPEN))
    assert len(parts(tmp_path / "2017-12-*")) == 2
    assert len(parts(tmp_path / "*" / "00.jsonl")) == 2
    assert len(parts(tmp_path / "2017-11-30" / "23.jsonl")) == 1


def test_any_file_system_will_do() -> None:
    store = fsspec.filesystem("memory")
    store.pipe("/webhook/2017/a.jsonl", lines(OPEN))
    try:
        (part,) = parts("memory://webhook")
        assert whole(part) == ([OPEN], [])
    finally:
        store.rm("/webhook", recursive=True)


def test_a_line_is_an_event_or_the_list_that_was_posted(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(lines(OPEN, [BOUNCE, OPEN], []) + b"\r\n" + json.dumps(BOUNCE).encode())
    (part,) = parts(tmp_path)
    assert whole(part) == ([OPEN, BOUNCE, OPEN, BOUNCE], [])


def test_a_large_file_comes_in_pages(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(lines(*({**OPEN, "sg_event_id": str(n)} for n in range(DOCUMENTS))))
    (part,) = parts(tmp_path)
    assert [len(page) for page in part.pages()] == [10, 10, 5]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"sg_event_id": "e"', "the line is not valid JSON"),
        (b"e1,p1@example.com", "the line is not valid JSON"),
        (b"\xff\xfe\x00", "the line is not valid JSON"),
        (b"[" * 100_000, "the line is not valid JSON"),
        (b'"p1@example.com"', "sg_event_id must be a text (1 of the line's 1 events)"),
        (b"null", "sg_event_id must be a text (1 of the line's 1 events)"),
        (b'{"email": "p1@example.com"}', "sg_event_id must be a text (1 of the line's 1 events)"),
        (b'{"sg_event_id": ""}', "sg_event_id must be a text (1 of the line's 1 events)"),
        (b'{"sg_event_id": 7}', "sg_event_id must be a text (1 of the line's 1 events)"),
    ],
    ids=range(9),
)
def test_what_is_no_event_is_put_aside_with_its_place_and_the_others_are_read(
    tmp_path: Path, line: bytes, reason: str
) -> None:
    (tmp_path / "a.jsonl").write_bytes(lines(OPEN) + line + b"\n" + lines(BOUNCE))
    (part,) = parts(tmp_path)
    events, (reject,) = whole(part)
    assert events == [OPEN, BOUNCE]
    assert (reject.file, reject.line, reject.reason) == (part.name, 2, reason)
    assert "\0" not in reject.row


def test_of_a_list_only_what_is_no_event_is_put_aside(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(lines([OPEN, {"event": "open"}, 7, BOUNCE]))
    (part,) = parts(tmp_path)
    reason = "sg_event_id must be a text (2 of the line's 4 events)"
    assert whole(part) == ([OPEN, BOUNCE], [Reject(part.name, 1, reason, '[{"event": "open"}, 7]')])


def test_a_file_that_grows_is_read_anew_and_one_that_stays_is_not(tmp_path: Path) -> None:
    file, other = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    file.write_bytes(lines(OPEN))
    other.write_bytes(lines(OPEN))
    before = {part.name: part.version for part in parts(tmp_path)}
    with file.open("ab") as growing:
        growing.write(lines(BOUNCE))
    after = {part.name: part.version for part in parts(tmp_path)}
    assert {Path(name).name for name in before if before[name] != after[name]} == {"a.jsonl"}


def test_another_kind_of_file_is_not_read_and_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "a.json").write_bytes(lines(OPEN))
    assert parts(tmp_path) == []
    assert "1 files end in neither .jsonl nor .jsonl.gz" in caplog.text


def test_an_empty_folder_has_no_files(tmp_path: Path) -> None:
    assert parts(tmp_path) == []


@pytest.mark.parametrize("folder", ["gone", "*.jsonl", "a*/b.jsonl"])
def test_a_place_where_nothing_is_is_a_settings_error(tmp_path: Path, folder: str) -> None:
    with pytest.raises(SettingsInvalid, match=r"event_files: nothing is there"):
        parts(tmp_path / folder)


def test_an_unknown_file_system_is_a_settings_error() -> None:
    with pytest.raises(SettingsInvalid, match="no such file system"):
        parts("floppy://a/b")


def test_a_packed_file_that_breaks_off_is_tried_later(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(lines(*[OPEN] * 1000))[:-20])
    (part,) = parts(tmp_path)
    with pytest.raises(RetryLater, match="to its end"):
        whole(part)


def test_the_same_event_in_two_files_has_one_key(host: RecordingHost, tmp_path: Path) -> None:
    for name in ("a.jsonl", "b.jsonl"):
        (tmp_path / name).write_bytes(lines(OPEN))
    stream = the(host, "events", ESP.model_copy(update={"event_files": str(tmp_path)}))
    tables = extract._tables("esp", extract._Reading(stream, None))
    assert [row["id"] for table in tables for row in table.to_pylist()] == ["esp/b3Blbg"] * 2


def sent(count: int) -> Esp:
    esp = new_esp()
    for n in range(1, count + 1):
        esp.add_single_send(f"s{n}", f"Send {n}", moment(n), categories=["spring"], sent_at=moment(n))
        esp.count("singlesends", f"s{n}", delivered=n)
        esp.count("automations", f"a{n}", delivered=n)
        esp.add_group(n, f"Group {n}")
    return esp


SENT = ("single_sends", "single_send_stats", "automation_stats", "unsubscribe_groups")


@pytest.mark.parametrize("count", [1, 10, 11, DOCUMENTS])
@pytest.mark.parametrize("name", SENT)
def test_all_that_was_sent_comes_whatever_the_number_of_pages(host: RecordingHost, name: str, count: int) -> None:
    host.show(sent(count).app)
    stream = the(host, name)
    assert len(listed(stream)) == len(documents(stream)) == count


@pytest.mark.parametrize("name", SENT[:3])
@pytest.mark.parametrize("fault", ["not_json", "truncated"])
def test_a_page_that_is_no_document_is_unreadable(host: RecordingHost, name: str, fault: str) -> None:
    esp = sent(DOCUMENTS)
    esp.faults.add(Fault(fault, path="/marketing/", times=None, after=1))
    host.show(esp.app)
    with pytest.raises(AnswerUnreadable):
        documents(the(host, name))


def test_a_listing_that_leads_back_is_unreadable(host: RecordingHost) -> None:
    page = {"result": [{"id": "s1"}], "_metadata": {"next": "https://api.sendgrid.com/v3/x?page_token=again"}}
    host.show(answering(new_esp().app, "/singlesends$", json.dumps(page).encode()))
    with pytest.raises(AnswerUnreadable, match="leads back"):
        documents(the(host, "single_sends"))


def test_a_single_send_says_when_it_changed_and_vanishes_from_the_listing(host: RecordingHost) -> None:
    esp = sent(2)
    host.show(esp.app)
    stream = the(host, "single_sends")
    assert {stream.changed_at(document) for document in documents(stream)} == {moment(1), moment(2)}
    esp.remove_single_send("s1")
    assert listed(stream) == {"s2"}


@pytest.mark.parametrize("kind", [*SUPPRESSIONS, "group_suppressions", "contacts", "list_members"])
def test_a_listing_shows_everything_that_is_there_now(host: RecordingHost, kind: str) -> None:
    esp = new_esp()
    for n in range(1, DOCUMENTS + 1):
        put(esp, kind, n)
    host.show(esp.app)
    stream = the(host, kind)
    assert listed(stream) == {stream.key(document) for document in documents(stream)}
    assert len(listed(stream)) == DOCUMENTS


def put(esp: Esp, kind: str, n: int) -> None:
    if kind in SUPPRESSIONS:
        esp.suppress(kind, person(n), moment(n))
    elif kind == "group_suppressions":
        esp.leave_group(1, person(n), moment(n))
    else:
        esp.add_contact(person(n), lists=ESP.opt_in_lists)


def test_a_suppression_that_was_lifted_is_not_in_the_listing(host: RecordingHost) -> None:
    esp = new_esp()
    for n in (1, 2):
        esp.suppress("bounces", person(n), moment(n))
    esp.lift_suppression("bounces", person(1))
    host.show(esp.app)
    assert listed(the(host, "bounces")) == {f"{person(2)}/{int(moment(2).timestamp())}"}


@pytest.mark.parametrize("name", [name for name in NAMES if name != "events"])
def test_every_stream_says_what_right_it_needs(host: RecordingHost, name: str) -> None:
    assert the(host, name).right


@pytest.mark.parametrize("name", [name for name in NAMES if name not in {"events", "messages"}])
def test_a_scope_that_the_key_lacks_is_named_by_one_call(host: RecordingHost, name: str) -> None:
    host.show(answering(new_esp().app, "/scopes$", b'{"scopes": ["mail.send"]}'))
    stream = the(host, name)
    assert stream.probe
    with pytest.raises(AccessDenied, match=f"no scope {stream.right}$"):
        stream.probe()
    assert len(host.calls) == 1


@pytest.mark.parametrize("key", ["SG.demo", "SG.demo-read-only"])
def test_a_key_that_may_read_has_all_scopes(host: RecordingHost, key: str) -> None:
    host.show(new_esp().app)
    probes: list[Any] = [the(host, name, key=key).probe for name in NAMES]
    assert [probe() for probe in probes if probe] == [None] * 12
