"""The contract of sources, for connectors of anybody: subclass ``SourceContract`` and give it your cases.

::

    from lifecycle.testing.cases import StreamCase
    from lifecycle.testing.sources import SourceContract

    class TestExampleShop(SourceContract):
        cases = [StreamCase("example", "orders", …)]

A case says how the documents of one stream come to be at a small server of the vendor. Every stream is read whole; the
faults are tried on the first case of each ``reader``: streams that are read by the same code need them once.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, ClassVar

import pytest

from lifecycle import web
from lifecycle.errors import AccessDenied, AnswerUnreadable, RetryLater
from lifecycle.sources import Document
from lifecycle.testing.cases import DOCUMENTS, PAGE, RecordingHost, StreamCase, all_of, answering, standing
from lifecycle.testing.faults import Fault
from lifecycle.testing.pages import change_sources, in_pages_of


def every_stream(test: Callable[..., None]) -> Callable[..., None]:
    """Mark a test that every stream takes, not only the first one of each reader."""
    test.__dict__["of_every_stream"] = True
    return test


def shifting(test: Callable[..., None]) -> Callable[..., None]:
    """Mark a test for readers of pages that move when something vanishes."""
    test.__dict__["of_shifting_streams"] = True
    return test


def vanishing(test: Callable[..., None]) -> Callable[..., None]:
    """Mark a test for streams that have a listing."""
    test.__dict__["of_vanishing_streams"] = True
    return every_stream(test)


#: Answers that are JSON, but none that any contract knows.
OTHER_SHAPES = (
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
)


def of_another_type(value: object) -> object:
    """A number for a text, a text for anything else."""
    return 7 if isinstance(value, str) else "many"


#: What stands where something else was expected.
OTHER_VALUES: tuple[Callable[[object], object], ...] = (
    of_another_type,
    lambda _: None,
    lambda _: [{}],
    lambda _: {"a": []},
)


def is_of_key(case: StreamCase, host: RecordingHost, document: Document, name: str) -> bool:
    """Whether a field is part of a document's key."""
    key = case.open(host).key
    return key({**document, name: "another"}) != key(document)


def _vanish(case: StreamCase, vendor: Any, *gone: int) -> None:
    for n in gone:
        if case.take:
            case.take(vendor, n)


def _join(case: StreamCase, vendor: Any, *new: int) -> None:
    for n in new:
        case.put(vendor, n)


class SourceContract:
    """What every stream of every source keeps to, whatever the server does."""

    cases: ClassVar[Sequence[StreamCase]]

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Give each test the cases that it is for."""
        if "case" not in metafunc.fixturenames:
            return
        marks, chosen = vars(metafunc.function), list(self.cases)
        if "of_every_stream" not in marks:
            first = {(case.kind, case.reader or case.stream): case for case in reversed(chosen)}
            chosen = [case for case in chosen if first[case.kind, case.reader or case.stream] is case]
        if "of_shifting_streams" in marks:
            chosen = [case for case in chosen if case.shifts]
        if "of_vanishing_streams" in marks:
            chosen = [case for case in chosen if case.can_vanish]
        metafunc.parametrize("case", chosen, ids=[f"{case.kind}-{case.stream}" for case in chosen])

    @pytest.fixture(scope="class")
    @classmethod
    def recorder(cls) -> Iterator[RecordingHost]:
        """The server of all tests: starting one for each would take most of the time."""
        with standing() as host:
            yield host

    @pytest.fixture
    def host(self, recorder: RecordingHost, monkeypatch: pytest.MonkeyPatch) -> RecordingHost:
        """The server; pages are small."""
        change_sources(monkeypatch, partial(in_pages_of, PAGE))
        return recorder

    @pytest.fixture
    def pauses(self, monkeypatch: pytest.MonkeyPatch) -> list[float]:
        """How long each pause before another attempt would have been."""
        waited: list[float] = []
        monkeypatch.setattr("tenacity.nap.time.sleep", waited.append)
        return waited

    @every_stream
    def test_every_stream_gives_all_its_documents(self, host: RecordingHost, case: StreamCase) -> None:
        host.show(case.vendor(DOCUMENTS).app)
        assert case.numbers(host) == all_of(DOCUMENTS)

    @vanishing
    def test_what_is_there_is_listed_to_the_last(self, host: RecordingHost, case: StreamCase) -> None:
        vendor = case.vendor(DOCUMENTS)
        host.show(vendor.app)
        whole = case.listed(host)
        assert len(whole) == DOCUMENTS
        if case.take:
            case.take(vendor, 7)
            assert len(whole - case.listed(host)) == 1

    @pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 20, DOCUMENTS])
    def test_every_document_comes_whatever_the_number_of_pages(
        self, host: RecordingHost, case: StreamCase, count: int
    ) -> None:
        host.show(case.vendor(count).app)
        documents = case.read(host)
        assert {case.number(document) for document in documents} == all_of(count)
        assert len({json.dumps(document) for document in documents}) == count

    @pytest.mark.parametrize("status", ["401", "403"])
    def test_a_refused_credential_is_not_tried_again(self, host: RecordingHost, case: StreamCase, status: str) -> None:
        vendor = case.vendor(DOCUMENTS)
        vendor.faults.add(Fault(status, path=case.path, times=None))
        host.show(vendor.app)
        assert status in case.refusal(host, AccessDenied)
        assert len(host.calls_to(case.path.rstrip("$"))) == 1

    def test_a_busy_server_gets_the_pause_that_it_asks_for(
        self, host: RecordingHost, case: StreamCase, pauses: list[float]
    ) -> None:
        vendor = case.vendor(DOCUMENTS)
        vendor.faults.add(Fault("429", path=case.path, retry_after=100, style="reset_seconds"))
        host.show(vendor.app)
        assert case.numbers(host) == all_of(DOCUMENTS)
        assert pauses == [100]

    @pytest.mark.parametrize("kind", ["500", "reset_mid_body"])
    def test_one_failure_in_the_middle_is_tried_again(
        self, host: RecordingHost, case: StreamCase, kind: str, pauses: list[float]
    ) -> None:
        vendor = case.vendor(DOCUMENTS)
        vendor.faults.add(Fault(kind, path=case.path, after=1), Fault(kind, path=case.path))
        host.show(vendor.app)
        assert case.numbers(host) == all_of(DOCUMENTS)
        assert pauses

    def test_an_answer_that_does_not_come_in_time_is_asked_for_again(
        self, host: RecordingHost, case: StreamCase, pauses: list[float], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        vendor = case.vendor(DOCUMENTS)
        vendor.faults.add(Fault("timeout", path=case.path))
        host.show(vendor.app)
        monkeypatch.setattr(web, "TIMEOUT", 0.3)
        assert case.numbers(host) == all_of(DOCUMENTS)
        assert pauses

    def test_a_server_that_never_answers_in_time_is_tried_later(
        self, host: RecordingHost, case: StreamCase, pauses: list[float], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        vendor = case.vendor(1)
        vendor.faults.add(Fault("timeout", path=case.path, times=None))
        host.show(vendor.app)
        monkeypatch.setattr(web, "TIMEOUT", 0.05)
        monkeypatch.setattr(web, "ATTEMPTS", 2)
        assert "no complete response (ReadTimeout)" in case.refusal(host, RetryLater)
        assert len([call for call in host.calls if re.search(case.path, call.split("?")[0])]) == 2
        assert pauses

    def test_a_lasting_failure_is_an_error_and_never_an_end(
        self, host: RecordingHost, case: StreamCase, pauses: list[float]
    ) -> None:
        vendor = case.vendor(DOCUMENTS)
        vendor.faults.add(Fault("500", path=case.path, times=None, after=int(case.is_paged)))
        host.show(vendor.app)
        assert "500" in case.refusal(host, RetryLater)
        assert len(pauses) == web.ATTEMPTS - 1

    @pytest.mark.parametrize("kind", ["truncated", "not_json"])
    def test_an_answer_that_is_no_whole_document_is_unreadable(
        self, host: RecordingHost, case: StreamCase, kind: str
    ) -> None:
        vendor = case.vendor(DOCUMENTS)
        vendor.faults.add(Fault(kind, path=case.path, times=None))
        host.show(vendor.app)
        case.refusal(host, AnswerUnreadable)

    @pytest.mark.parametrize("body", OTHER_SHAPES)
    def test_an_answer_of_another_shape_is_unreadable(self, host: RecordingHost, case: StreamCase, body: str) -> None:
        host.show(answering(case.vendor(1).app, case.path, body.encode()))
        case.refusal(host, AnswerUnreadable)

    def test_texts_and_numbers_of_every_kind_come_through(self, host: RecordingHost, case: StreamCase) -> None:
        vendor = case.vendor(1)
        host.show(vendor.app)
        (document,) = case.read(host)
        sent = '"nul": "\\u0000", "half": "\\ud83d", "lines": "a\u2028b\u0085c", "beyond": 1e999, "big": 1' + "0" * 99
        kept = {"nul": "\ufffd", "half": "\ufffd", "lines": "a\u2028b\u0085c", "beyond": None, "big": 10**99}
        body = case.wrap(f"{json.dumps(document)[:-1]}, {sent}}}")
        host.show(answering(vendor.app, case.path, body.encode()))
        assert [read for read in case.read(host) if read != document | kept] == []

    @pytest.mark.parametrize("another", OTHER_VALUES, ids=["another type", "nothing", "a list", "an object"])
    @every_stream
    def test_a_field_of_another_type_is_no_reason_to_lose_a_document(
        self, host: RecordingHost, case: StreamCase, another: Callable[[object], object]
    ) -> None:
        vendor = case.vendor(1)
        host.show(vendor.app)
        (document,) = case.read(host)
        changed = {
            name: old if is_of_key(case, host, document, name) else another(old) for name, old in document.items()
        }
        host.show(answering(vendor.app, case.path, case.wrap(json.dumps(changed)).encode()))
        assert case.read(host) == [changed]

    @every_stream
    def test_a_field_that_disappeared_is_no_reason_to_lose_a_document(
        self, host: RecordingHost, case: StreamCase
    ) -> None:
        vendor = case.vendor(1)
        host.show(vendor.app)
        (document,) = case.read(host)
        left = {name: value for name, value in document.items() if is_of_key(case, host, document, name)}
        host.show(answering(vendor.app, case.path, case.wrap(json.dumps(left)).encode()))
        (read,) = case.read(host)
        assert {name: read[name] for name in left} == left
        assert not [name for name in {*read} - {*left} if read[name] == document[name] and name != "list_name"]

    @pytest.mark.parametrize("call", [2, 3])
    @pytest.mark.parametrize("gone", [[20], [8], range(4, 23), all_of(DOCUMENTS)], ids=str)
    @shifting
    def test_what_stays_is_not_lost_when_other_documents_vanish_while_we_read(
        self, host: RecordingHost, case: StreamCase, gone: list[int], call: int
    ) -> None:
        vendor = case.vendor(DOCUMENTS)
        host.show(vendor.app)
        host.before_call[call] = partial(_vanish, case, vendor, *gone)
        assert case.numbers(host) >= all_of(DOCUMENTS) - set(gone)

    @shifting
    def test_nothing_is_lost_when_documents_vanish_between_all_pages(
        self, host: RecordingHost, case: StreamCase
    ) -> None:
        vendor = case.vendor(DOCUMENTS)
        host.show(vendor.app)
        for call in range(2, 20):
            host.before_call[call] = partial(_vanish, case, vendor, call, 26 - call)
        stays = all_of(DOCUMENTS) - set(range(2, 25))
        assert case.numbers(host) >= stays

    @shifting
    def test_nothing_is_lost_when_documents_join_while_we_read(self, host: RecordingHost, case: StreamCase) -> None:
        vendor = case.vendor(DOCUMENTS)
        host.show(vendor.app)
        host.before_call[2] = partial(_join, case, vendor, *range(26, 30))
        assert case.numbers(host) >= all_of(DOCUMENTS)

    @pytest.mark.parametrize("shift", [1, 9, -1, -5])
    @shifting
    def test_nothing_is_lost_when_a_page_comes_shifted(self, host: RecordingHost, case: StreamCase, shift: int) -> None:
        vendor = case.vendor(DOCUMENTS)
        vendor.faults.add(Fault("page_shift", path=case.path, shift=shift, after=1))
        host.show(vendor.app)
        assert case.numbers(host) == all_of(DOCUMENTS)
