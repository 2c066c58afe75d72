"""The contract of destinations, for connectors of anybody: subclass ``DestinationContract`` and say what is your own.

::

    from lifecycle.testing.destinations import DestinationContract
    from lifecycle.testing.providers import ProviderCase

    class TestExample(DestinationContract):
        case = ProviderCase(module=writer, start=ExampleServer, …)

The server stands in for the provider: it has ``app``, ``faults``, ``lists``, ``fields``, ``contacts``, ``members``,
``jobs``, ``add_list``, ``add_field``, ``add_contact`` and ``finish_jobs``.
"""

import logging
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import pytest

from lifecycle import web
from lifecycle.destinations import RemoteContact, Removal
from lifecycle.errors import (
    AccessDenied,
    AnswerUnreadable,
    LifecycleError,
    RetryLater,
    RowRejected,
    SettingsInvalid,
)
from lifecycle.testing.faults import Fault
from lifecycle.testing.providers import (
    ADA,
    BEN,
    EVE,
    EVERYTHING,
    FIELDS,
    LISTS,
    EmailProvider,
    Provider,
    ProviderCase,
    finished,
    provider_at,
    remove,
    write,
)
from lifecycle.testing.server import AppHost, running

SECRET = "heliotrope"  # noqa: S105 - what no message may hold


def upsert_ada(there: EmailProvider) -> str:
    """Write one contact, with a value that no message may hold."""
    return there.upsert([there.encoded(ADA, {"lifecycle_stage": SECRET})], ["VIP"])


ACTIONS: dict[str, Callable[[EmailProvider, str], object]] = {
    "upsert": lambda there, _: web.attempt(lambda: upsert_ada(there)),
    "remove": lambda there, _: there.remove("VIP", [BEN]),
    "members_among": lambda there, _: there.members_among("VIP", [BEN]),
    "outcome": lambda there, job: there.outcome(job),
    "contacts": lambda there, _: list(there.contacts("VIP")),
}


def with_ben(provider: Provider) -> tuple[EmailProvider, str]:
    """A destination whose list has Ben, and the job that put him there."""
    destination = provider.connect()
    job = destination.upsert([destination.encoded(BEN, {})], ["VIP"])
    provider.server.finish_jobs()
    return destination, job


def fault(provider: Provider, action: str, kind: str, **options: Any) -> None:
    """Have a fault meet the first request of an action."""
    method, path = provider.case.calls[action]
    provider.server.faults.add(Fault(kind, method=method, path=path, **options))


class DestinationContract:
    """What every destination that lists its members promises, whichever provider is behind it."""

    case: ClassVar[ProviderCase]

    @pytest.fixture(scope="class")
    @classmethod
    def app_host(cls) -> Iterator[AppHost]:
        """The server of all tests: starting one for each would take most of the time."""
        host = AppHost()
        with running(host) as host.address:
            yield host

    @pytest.fixture
    def provider(self, app_host: AppHost, monkeypatch: pytest.MonkeyPatch) -> Provider:
        """The provider, new."""
        return provider_at(app_host, self.case, monkeypatch)

    def test_lists_and_fields_are_made_once(self, provider: Provider) -> None:
        provider.connect()
        assert provider.lists() == {*LISTS}
        assert {name.lower() for name in provider.server.fields()} == FIELDS.keys()
        made = provider.server.lists() | provider.server.fields()
        provider.server.faults.requests.clear()
        provider.connect()
        assert provider.server.lists() | provider.server.fields() == made
        assert provider.server.faults.writes() == 0

    @pytest.mark.parametrize("kind", ["500", "reset_mid_body", "truncated"])
    def test_what_was_made_before_its_answer_got_lost_is_not_made_again(self, provider: Provider, kind: str) -> None:
        for path in provider.case.creations:
            provider.server.faults.add(Fault(kind, method="POST", path=path, performed=True))
        destination = provider.connect()
        assert write(destination, {ADA: {"lifecycle_stage": "new"}}, *LISTS).status == "completed"
        assert provider.lists() == {*LISTS}
        assert provider.fields(ADA) == {"lifecycle_stage": "new"}

    def test_a_list_that_cannot_be_made_stops(self, provider: Provider) -> None:
        with pytest.raises(AnswerUnreadable):
            provider.connect(lists=["x" * 101])

    def test_a_field_of_another_type_has_to_be_changed_by_a_person(self, provider: Provider) -> None:
        provider.connect(fields={"lifecycle_orders": "Text"})
        with pytest.raises(SettingsInvalid, match=provider.case.other_type):
            provider.connect()

    def test_a_field_whose_name_has_other_letter_case_is_the_same(self, provider: Provider) -> None:
        provider.server.add_field("Lifecycle_Stage", "Text")
        destination = provider.connect()
        write(destination, {ADA: {"lifecycle_stage": "new"}}, "VIP")
        assert provider.fields(ADA) == {"lifecycle_stage": "new"}
        assert [held.fields for held in destination.contacts("VIP")] == [{"lifecycle_stage": "new"}]

    def test_a_list_whose_name_has_other_letter_case_is_another(self, provider: Provider) -> None:
        provider.server.add_contact(EVE, lists=["vip"])
        destination = provider.connect()
        write(destination, {ADA: {}}, "VIP")
        assert (provider.server.members("VIP"), provider.server.members("vip")) == ({ADA}, {EVE})
        assert [held.email for held in destination.contacts("VIP")] == [ADA]

    def test_who_asks_for_no_list_and_no_field_writes_nothing(self, provider: Provider) -> None:
        provider.connect(lists=[], fields={})
        assert provider.server.faults.writes() == 0

    def test_more_lists_than_one_page_are_known(self, provider: Provider) -> None:
        provider.connect(lists=["List 0"], fields={})
        for number in range(1001):
            provider.server.add_list(f"List {number}")
        provider.server.faults.requests.clear()
        provider.connect(lists=[f"List {number}" for number in range(1001)], fields={})
        assert provider.server.faults.writes() == 0

    def test_what_is_written_is_read_back_as_it_was_given(self, provider: Provider) -> None:
        destination = provider.connect()
        assert write(destination, {ADA: EVERYTHING, BEN: {}}, "VIP").status == "completed"
        assert provider.fields(ADA) == EVERYTHING
        held = {each.email: each for each in destination.contacts("VIP")}
        ids = {email: str(contact["id"]) for email, contact in provider.server.contacts().items()}
        assert held == {ADA: RemoteContact(ids[ADA], ADA, EVERYTHING), BEN: RemoteContact(ids[BEN], BEN, {})}

    def test_any_writing_arrives_unharmed(self, provider: Provider) -> None:
        text = "Grüße, \"Käse\" & 奶酪 🧀\n\\u0000 'שלום'"
        destination = provider.connect()
        write(destination, {ADA: {"lifecycle_stage": text}}, "VIP")
        assert provider.fields(ADA) == {"lifecycle_stage": text}
        assert [held.fields for held in destination.contacts("VIP")] == [{"lifecycle_stage": text}]

    def test_a_text_that_is_too_long_is_cut(self, provider: Provider) -> None:
        assert write(provider.connect(), {ADA: {"lifecycle_stage": "🧀" * 1001}}).rejected_count == 0
        assert provider.fields(ADA) == {"lifecycle_stage": "🧀" * 1000}

    def test_a_field_is_emptied_and_the_others_stay(self, provider: Provider) -> None:
        destination = provider.connect()
        write(destination, {ADA: EVERYTHING}, "VIP")
        write(destination, {ADA: {"lifecycle_orders": None, "lifecycle_since": None}}, "VIP")
        assert provider.fields(ADA) == {"lifecycle_stage": "new"}
        write(destination, {ADA: {"lifecycle_stage": None}}, "VIP")
        assert [held.fields for held in destination.contacts("VIP")] == [{}]

    def test_a_field_that_the_provider_does_not_have_needs_no_emptying(self, provider: Provider) -> None:
        write(provider.connect(), {ADA: {"lifecycle_stage": "new", "lifecycle_long_gone": None}})
        assert provider.fields(ADA) == {"lifecycle_stage": "new"}

    def test_fields_are_written_without_joining_any_of_our_lists(self, provider: Provider) -> None:
        destination = provider.connect()
        write(destination, {ADA: {}}, "VIP")
        write(destination, {ADA: EVERYTHING})
        assert provider.fields(ADA) == EVERYTHING
        assert (provider.server.members("VIP"), provider.server.members("Lapsed")) == ({ADA}, set())

    def test_an_address_that_is_twice_in_a_batch_is_one_contact(self, provider: Provider) -> None:
        destination = provider.connect()
        contacts = [destination.encoded(email, {"lifecycle_orders": 1}) for email in (ADA, BEN, ADA)]
        assert finished(destination, destination.upsert(contacts, ["VIP"])).status == "completed"
        assert provider.server.members("VIP") == {ADA, BEN}

    def test_an_empty_batch_sends_nothing(self, provider: Provider) -> None:
        destination = provider.connect()
        provider.server.faults.requests.clear()
        assert destination.remove("VIP", []) == Removal(None)
        assert destination.members_among("VIP", []) == set()
        assert not provider.server.faults.requests

    def test_the_largest_batch_goes_in_one_request(self, provider: Provider) -> None:
        destination = provider.connect()
        contacts = [
            destination.encoded(f"person{n}@example.com", EVERYTHING) for n in range(destination.max_batch_size)
        ]
        assert sum(map(len, contacts)) + len(contacts) < destination.max_batch_bytes
        assert destination.upsert(contacts, LISTS)
        assert provider.calls("upsert") == 1
        assert [provider.case.contacts_in(job) for job in provider.server.jobs()] == [destination.max_batch_size]

    def test_a_batch_that_is_too_large_is_rejected_without_a_reason_for_any_row(self, provider: Provider) -> None:
        destination = provider.connect()
        contacts = [destination.encoded(ADA, {"lifecycle_stage": "x" * 1000})] * 12_000
        with pytest.raises(RowRejected) as rejection:
            destination.upsert(contacts, ["VIP"])
        assert rejection.value.reasons == {}

    def test_rows_that_are_refused_later_are_named_by_their_address(self, provider: Provider) -> None:
        destination = provider.connect()
        method, path = provider.case.calls["upsert"]
        provider.server.faults.add(Fault("rows_rejected", method=method, path=path, rows=2))
        outcome = write(destination, {ADA: {}, BEN: {}, EVE: {}}, "VIP")
        assert (outcome.status, outcome.rejected_count) == ("completed", 2)
        assert [email for email, _ in outcome.rejected] == [ADA, BEN]
        assert provider.server.members("VIP") == {EVE}

    def test_a_job_that_failed_and_one_that_nobody_knows_are_told_apart(self, provider: Provider) -> None:
        destination = provider.connect()
        method, path = provider.case.calls["upsert"]
        provider.server.faults.add(Fault("job_failed", method=method, path=path))
        assert write(destination, {ADA: {}}, "VIP").status == "failed"
        assert destination.outcome(provider.case.unknown_job).status == "unknown"

    def test_people_leave_one_list_and_stay_on_the_others(self, provider: Provider) -> None:
        destination = provider.connect()
        write(destination, {ADA: {}, BEN: {}}, "VIP", "Lapsed")
        remove(provider, destination, "VIP", ADA, EVE)
        assert provider.server.members("VIP") == {BEN}
        assert provider.server.members("Lapsed") == {ADA, BEN}
        assert provider.server.contacts().keys() == {ADA, BEN}

    def test_nobody_has_to_leave_a_list_that_holds_none_of_them(self, provider: Provider) -> None:
        destination = provider.connect()
        write(destination, {ADA: {}}, "Lapsed")
        assert destination.remove("VIP", [ADA, EVE]).job is None
        assert destination.remove("VIP", [EVE]).job is None
        assert provider.server.members("Lapsed") == {ADA}

    def test_a_list_that_is_unknown_or_was_deleted_holds_nobody(self, provider: Provider) -> None:
        destination = provider.connect()
        write(destination, {ADA: {}}, "VIP")
        provider.case.delete_list(provider.server, "VIP")
        for name in ("VIP", "No such list"):
            assert destination.remove(name, [ADA]).job is None
            assert destination.members_among(name, [ADA]) == set()
        assert list(destination.contacts("No such list")) == []

    def test_joining_a_list_that_was_deleted_there_stops_and_puts_nobody_aside(self, provider: Provider) -> None:
        destination = provider.connect()
        provider.case.delete_list(provider.server, "VIP")
        with pytest.raises(AnswerUnreadable):
            destination.upsert([destination.encoded(ADA, {})], ["VIP"])

    def test_as_many_addresses_as_one_request_takes_leave_and_are_looked_up(self, provider: Provider) -> None:
        destination = provider.connect()
        people = [f"p{number}@example.com" for number in range(destination.max_removals)]
        write(destination, {email: {} for email in people[:60]} | {ADA: {}}, "VIP")
        assert destination.members_among("VIP", people) == {*people[:60]}
        provider.wire.calls.clear()
        remove(provider, destination, "VIP", *people)
        assert provider.calls("remove") == 1
        assert provider.server.members("VIP") == {ADA}

    def test_the_contacts_of_a_list_are_read_back_whoever_put_them_there(self, provider: Provider) -> None:
        destination = provider.connect()
        write(destination, {ADA: {}, BEN: {}}, "VIP")
        provider.server.add_contact("Eve@Example.com", lists=["VIP"])
        assert sorted(held.email for held in destination.contacts("VIP")) == [ADA, BEN, EVE]
        assert list(destination.contacts("Lapsed")) == []

    def test_a_contact_is_read_back_by_the_one_form_of_its_address(self, provider: Provider) -> None:
        destination = provider.connect()
        write(destination, {"jörg@xn--mller-kva.de": {}, ADA: {}}, "VIP")
        provider.server.add_contact("jo\u0308rg@müller.de", lists=["VIP"])
        held = [each.email for each in destination.contacts("VIP")]
        assert sorted(held) == [ADA, "jörg@xn--mller-kva.de", "jörg@xn--mller-kva.de"]

    def test_a_long_list_is_read_to_its_end(self, provider: Provider) -> None:
        destination = provider.connect()
        people = {f"p{number}@example.com" for number in range(1001)}
        for email in people:
            provider.server.add_contact(email, lists=["VIP"])
        held = [each.email for each in destination.contacts("VIP")]
        assert len(held) == len(people)
        assert {*held} == people

    def test_no_sync_lifts_a_suppression(self, provider: Provider) -> None:
        destination = provider.connect()
        write(destination, {ADA: EVERYTHING}, "VIP")
        provider.case.suppress(provider.server, ADA)
        write(destination, {ADA: {"lifecycle_stage": "lapsed", "lifecycle_orders": None}}, "Lapsed")
        write(destination, {ADA: {"lifecycle_stage": "lost"}})
        remove(provider, destination, "VIP", ADA)
        provider.connect()
        assert provider.fields(ADA)["lifecycle_stage"] == "lost"
        assert provider.case.is_suppressed(provider.server, ADA)
        sent = b"".join(provider.wire.bodies).lower()
        assert [word for word in (b"blacklist", b"suppress", b"unsubscribe") if word in sent] == []
        assert {method for method, path in provider.wire.calls if "suppress" in path or "asm" in path} <= {"GET"}

    @pytest.mark.parametrize("action", ACTIONS)
    @pytest.mark.parametrize("kind", ["429", "408", "500", "503", "reset_mid_body", "timeout"])
    def test_a_passing_fault_is_tried_again(self, provider: Provider, action: str, kind: str) -> None:
        provider.set_timeout(0.3 if kind == "timeout" else 60)
        destination, job = with_ben(provider)
        fault(provider, action, kind, times=2)
        assert ACTIONS[action](destination, job)
        provider.server.finish_jobs()
        assert provider.server.members("VIP") == {"upsert": {ADA, BEN}, "remove": set()}.get(action, {BEN})

    @pytest.mark.parametrize("kind", ["429", "500", "reset_mid_body"])
    def test_an_upsert_is_one_request_because_whoever_asks_has_to_note_each(
        self, provider: Provider, kind: str
    ) -> None:
        destination, _ = with_ben(provider)
        calls = provider.calls("upsert")
        fault(provider, "upsert", kind)
        with pytest.raises(RetryLater):
            upsert_ada(destination)
        assert provider.calls("upsert") == calls + 1

    @pytest.mark.parametrize("action", ACTIONS)
    @pytest.mark.parametrize("style", ["retry_after", "reset_seconds", "reset_epoch"])
    def test_the_pause_that_the_provider_asks_for_is_made(
        self, provider: Provider, action: str, style: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        destination, job = with_ben(provider)
        fault(provider, action, "429", retry_after=40, style=style)
        waited: list[float] = []
        monkeypatch.setattr("tenacity.nap.time.sleep", waited.append)
        assert ACTIONS[action](destination, job)
        assert 35 < waited[0] <= 40

    @pytest.mark.parametrize("action", ACTIONS)
    @pytest.mark.parametrize(
        ("kind", "error"),
        [
            ("429", RetryLater),
            ("500", RetryLater),
            ("reset_mid_body", RetryLater),
            ("timeout", RetryLater),
            ("unauthorized", AccessDenied),
            ("forbidden", AccessDenied),
            ("truncated", AnswerUnreadable),
            ("not_json", AnswerUnreadable),
            ("422", AnswerUnreadable),
        ],
    )
    def test_a_lasting_fault_says_what_to_do_and_tells_no_secret(
        self,
        provider: Provider,
        action: str,
        kind: str,
        error: type[LifecycleError],
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        caplog.set_level(logging.DEBUG)
        monkeypatch.setattr(web, "ATTEMPTS", 2)
        provider.set_timeout(0.3 if kind == "timeout" else 60)
        destination, job = with_ben(provider)
        fault(provider, action, kind, times=2)
        with pytest.raises(error) as raised:
            ACTIONS[action](destination, job)
        logged = f"{raised.value}{caplog.text}{destination!r}"
        assert f"{provider.case.calls[action][0]} /" in str(raised.value)
        assert [secret for secret in (ADA, BEN, provider.case.key, "Bearer", SECRET) if secret in logged] == []

    @pytest.mark.parametrize("action", ACTIONS)
    @pytest.mark.parametrize("body", [{}, [], {"other": 1}])
    def test_an_answer_of_another_shape_is_unreadable(self, provider: Provider, action: str, body: object) -> None:
        destination, job = with_ben(provider)
        provider.wire.answers.append((*provider.case.calls[action], body))
        with pytest.raises(AnswerUnreadable):
            ACTIONS[action](destination, job)

    @pytest.mark.parametrize("body", [{}, [], {"other": 1}])
    def test_signing_in_to_something_else_is_unreadable(self, provider: Provider, body: object) -> None:
        provider.wire.answers.append(("GET", "", body))
        with pytest.raises(AnswerUnreadable):
            provider.connect()

    def test_a_key_that_may_only_read_is_an_access_problem(self, provider: Provider) -> None:
        provider.connect()
        destination = provider.connect(key=provider.case.read_only_key)
        with pytest.raises(AccessDenied, match="403, the credential lacks the right"):
            destination.upsert([destination.encoded(ADA, {})], ["VIP"])
        with pytest.raises(AccessDenied, match="401, the credential is refused"):
            provider.connect(key="revoked")
