"""What every destination promises, whichever provider is behind it."""

import dataclasses
import json
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

import pytest

from demo.esp import Esp, Pace
from demo.faults import Fault
from lifecycle import web
from lifecycle.destinations import Destination, Outcome, sendgrid
from lifecycle.errors import (
    AccessDenied,
    AnswerUnreadable,
    LifecycleError,
    RetryLater,
    RowRejected,
    SettingsInvalid,
)
from lifecycle.settings import FieldType
from tests.world import KEY, Stage
from tests.world import provider as connection_to

ADA, BEN, EVE = "ada@example.com", "ben@example.com", "eve@example.com"
LISTS = ("VIP", "Lapsed")
FIELDS: dict[str, FieldType] = {
    "lifecycle_stage": "Text",
    "lifecycle_orders": "Number",
    "lifecycle_since": "Date",
}


class Connect(Protocol):
    """Signs in to the provider under test."""

    def __call__(
        self, lists: Iterable[str] = LISTS, fields: Mapping[str, FieldType] = FIELDS, key: str = KEY
    ) -> Destination: ...


@dataclasses.dataclass(frozen=True)
class Provider:
    """A provider under test: its server's state and faults, and how to sign in."""

    esp: Esp
    connect: Connect
    set_timeout: Callable[[float], None]

    def fields(self, email: str) -> dict[str, Any]:
        fields: dict[str, Any] = self.esp.contacts()[email]["custom_fields"]
        return fields


@pytest.fixture(params=["sendgrid"])
def provider(request: pytest.FixtureRequest, provider_stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Provider:
    monkeypatch.setattr(web, "_backoff", lambda _: 0.0)
    module = {"sendgrid": sendgrid}[request.param]
    esp = Esp(key=KEY, pace=Pace(polls=1, seconds=None))
    provider_stage.app = esp.app

    def connect(lists: Iterable[str] = LISTS, fields: Mapping[str, FieldType] = FIELDS, key: str = KEY) -> Destination:
        return module.connect(connection_to(provider_stage.address, key), lists, fields)

    return Provider(esp, connect, lambda seconds: monkeypatch.setattr(module, "TIMEOUT", seconds))


def write(destination: Destination, people: Mapping[str, Mapping[str, Any]], *lists: str) -> Outcome:
    """Upsert people with their fields, and ask until the job has its outcome."""
    contacts = [destination.contact(email, fields) for email, fields in people.items()]
    return finished(destination, destination.upsert(contacts, lists))


def finished(destination: Destination, job: str | None) -> Outcome:
    assert job is not None
    assert destination.outcome(job).status == "pending"
    return destination.outcome(job)


def test_lists_and_fields_are_made_once(provider: Provider) -> None:
    provider.connect()
    assert provider.esp.lists().keys() == {*LISTS}
    assert provider.esp.fields().keys() == FIELDS.keys()
    made = provider.esp.lists() | provider.esp.fields()
    provider.esp.faults.requests.clear()
    provider.connect()
    assert provider.esp.lists() | provider.esp.fields() == made
    assert provider.esp.faults.writes() == 0


@pytest.mark.parametrize("kind", ["500", "reset_mid_body", "truncated"])
def test_a_list_or_field_whose_making_lost_its_answer_is_found(provider: Provider, kind: str) -> None:
    for path in ("/lists$", "/field_definitions$"):
        provider.esp.faults.add(Fault(kind, method="POST", path=path, performed=True))
    destination = provider.connect()
    assert write(destination, {ADA: {"lifecycle_stage": "new"}}, *LISTS).status == "completed"
    assert provider.esp.lists().keys() == {*LISTS}
    assert provider.fields(ADA) == {"lifecycle_stage": "new"}


def test_a_list_that_cannot_be_made_stops(provider: Provider) -> None:
    with pytest.raises(AnswerUnreadable):
        provider.connect(lists=["x" * 101])


def test_a_field_of_another_type_has_to_be_changed_by_a_person(provider: Provider) -> None:
    provider.esp.add_field("lifecycle_orders", "Text")
    with pytest.raises(SettingsInvalid, match="custom field lifecycle_orders is Text at SendGrid, not Number"):
        provider.connect()


def test_a_name_in_other_letter_case_is_the_same_field(provider: Provider) -> None:
    provider.esp.add_field("Lifecycle_Stage", "Text")
    write(provider.connect(), {ADA: {"lifecycle_stage": "new"}})
    assert provider.fields(ADA) == {"Lifecycle_Stage": "new"}


def test_more_lists_than_one_page_are_known(provider: Provider) -> None:
    for number in range(1001):
        provider.esp.add_list(f"List {number}")
    provider.esp.faults.requests.clear()
    provider.connect(lists=[f"List {number}" for number in range(1001)], fields={})
    assert provider.esp.faults.writes() == 0


def test_text_numbers_and_dates_arrive_as_such(provider: Provider) -> None:
    fields = {"lifecycle_stage": "new", "lifecycle_orders": 12.5, "lifecycle_since": "2017-12-30"}
    assert write(provider.connect(), {ADA: fields}).status == "completed"
    assert provider.fields(ADA) == fields | {"lifecycle_since": "2017-12-30T00:00:00Z"}


def test_any_writing_arrives_unharmed(provider: Provider) -> None:
    text = "Grüße, \"Käse\" & 奶酪 🧀\n\\u0000 'שלום'"
    write(provider.connect(), {ADA: {"lifecycle_stage": text}})
    assert provider.fields(ADA) == {"lifecycle_stage": text}


def test_a_text_that_is_too_long_is_cut(provider: Provider) -> None:
    assert write(provider.connect(), {ADA: {"lifecycle_stage": "🧀" * 1001}}).rejected_count == 0
    assert provider.fields(ADA) == {"lifecycle_stage": "🧀" * 1000}


def test_null_empties_a_field_and_the_others_stay(provider: Provider) -> None:
    destination = provider.connect()
    write(destination, {ADA: {"lifecycle_stage": "new", "lifecycle_orders": 1, "lifecycle_since": "2017-12-30"}})
    write(destination, {ADA: {"lifecycle_orders": None, "lifecycle_since": None}})
    assert provider.fields(ADA) == {"lifecycle_stage": "new"}


def test_a_field_that_the_provider_does_not_have_needs_no_emptying(provider: Provider) -> None:
    write(provider.connect(), {ADA: {"lifecycle_stage": "new", "lifecycle_long_gone": None}})
    assert provider.fields(ADA) == {"lifecycle_stage": "new"}


def test_an_address_that_is_twice_in_a_batch_is_one_contact(provider: Provider) -> None:
    destination = provider.connect()
    contacts = [destination.contact(email, {"lifecycle_orders": 1}) for email in (ADA, BEN, ADA)]
    assert finished(destination, destination.upsert(contacts, ["VIP"])).status == "completed"
    assert provider.esp.members("VIP") == {ADA, BEN}


def test_an_empty_batch_sends_nothing(provider: Provider) -> None:
    destination = provider.connect()
    provider.esp.faults.requests.clear()
    assert destination.remove("VIP", []) is None
    assert destination.members_among("VIP", []) == set()
    assert not provider.esp.faults.requests


def test_the_largest_batch_goes_in_one_request(provider: Provider) -> None:
    destination = provider.connect()
    fields = {"lifecycle_stage": "prospect", "lifecycle_orders": 1234, "lifecycle_since": "2017-12-30"}
    contacts = [destination.contact(f"person{n}@example.com", fields) for n in range(destination.most_contacts)]
    assert len(json.dumps(contacts)) < destination.most_bytes
    assert destination.upsert(contacts, LISTS)
    assert [job["results"]["requested_count"] for job in provider.esp.jobs()] == [destination.most_contacts]


def test_a_batch_that_is_too_large_is_rejected_without_a_reason_for_any_row(provider: Provider) -> None:
    destination = provider.connect()
    contacts = [destination.contact(ADA, {})] * (destination.most_contacts + 1)
    with pytest.raises(RowRejected) as rejection:
        destination.upsert(contacts, [])
    assert rejection.value.reasons == {}


def test_rows_that_are_refused_at_once_are_named_by_their_place(provider: Provider) -> None:
    destination = provider.connect()
    with pytest.raises(RowRejected) as rejection:
        destination.upsert([destination.contact(email, {}) for email in (ADA, "000", BEN, "")], [])
    assert rejection.value.reasons == {1: "email '000' is not valid", 3: "email is required"}
    assert "000" not in str(rejection.value)


def test_rows_that_are_refused_later_are_named_by_their_address(provider: Provider) -> None:
    destination = provider.connect()
    outcome = write(destination, {ADA: {"lifecycle_orders": "many"}, BEN: {}, EVE: {"lifecycle_orders": 1}})
    field = provider.esp.fields()["lifecycle_orders"]
    reason = f"custom field '{field}' is not a valid Number"
    assert outcome == Outcome("completed", [(ADA, reason)], 1)
    assert provider.esp.contacts().keys() == {BEN, EVE}


def test_a_job_that_failed_and_one_that_nobody_knows_are_told_apart(provider: Provider) -> None:
    destination = provider.connect()
    provider.esp.faults.add(Fault("job_failed", method="PUT"))
    assert write(destination, {ADA: {}}).status == "failed"
    assert destination.outcome("00000000-0000-0000-0000-000000000000").status == "unknown"


def test_a_custom_field_that_is_not_known_there_yet_is_waited_for(provider: Provider) -> None:
    destination = provider.connect()
    contact = destination.contact(ADA, {"lifecycle_stage": "new"})
    provider.esp.store.run("delete from field where name = 'lifecycle_stage'")
    with pytest.raises(RetryLater, match="not known there yet"):
        destination.upsert([contact], [])


def test_people_leave_one_list_and_stay_on_the_others(provider: Provider) -> None:
    destination = provider.connect()
    write(destination, {ADA: {}, BEN: {}}, "VIP", "Lapsed")
    assert finished(destination, destination.remove("VIP", [ADA, EVE])).status == "completed"
    assert provider.esp.members("VIP") == {BEN}
    assert provider.esp.members("Lapsed") == {ADA, BEN}


def test_nobody_has_to_leave_a_list_that_holds_none_of_them(provider: Provider) -> None:
    destination = provider.connect()
    write(destination, {ADA: {}}, "Lapsed")
    provider.esp.faults.requests.clear()
    assert destination.remove("VIP", [ADA, EVE]) is None
    assert destination.remove("VIP", [EVE]) is None
    assert destination.remove("No such list", [ADA]) is None
    assert not [call for call in provider.esp.faults.requests if call.startswith("DELETE ")]


def test_a_hundred_addresses_are_looked_up_at_once(provider: Provider) -> None:
    destination = provider.connect()
    people = [f"p{number}@example.com" for number in range(100)]
    write(destination, {email: {} for email in people[:60]}, "VIP")
    assert destination.members_among("VIP", people) == {*people[:60]}


def test_the_members_of_a_list_are_read_back_whoever_put_them_there(provider: Provider) -> None:
    destination = provider.connect()
    write(destination, {ADA: {}, BEN: {}}, "VIP")
    provider.esp.add_contact("Eve@Example.com", lists=["VIP"])
    assert sorted(destination.members("VIP")) == [ADA, BEN, EVE]
    assert list(destination.members("Lapsed")) == []


SECRET = "heliotrope"
ACTIONS: dict[str, Callable[[Destination, str], object]] = {
    "PUT": lambda there, _: there.upsert([there.contact(ADA, {"lifecycle_stage": SECRET})], ["VIP"]),
    "DELETE": lambda there, _: there.remove("VIP", [BEN]),
    "POST": lambda there, _: there.members_among("VIP", [BEN]),
    "GET": lambda there, job: there.outcome(job),
}


@pytest.mark.parametrize("method", ACTIONS)
@pytest.mark.parametrize("kind", ["429", "408", "500", "503", "reset_mid_body", "timeout"])
def test_a_passing_fault_is_tried_again(provider: Provider, method: str, kind: str) -> None:
    provider.set_timeout(0.3 if kind == "timeout" else 60)
    destination = provider.connect()
    job = destination.upsert([destination.contact(BEN, {})], ["VIP"])
    provider.esp.settle()
    provider.esp.faults.add(Fault(kind, method=method, times=2))
    assert ACTIONS[method](destination, job)


@pytest.mark.parametrize("method", ACTIONS)
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
    provider: Provider,
    method: str,
    kind: str,
    error: type[LifecycleError],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for name in ("lifecycle", "python_http_client"):
        caplog.set_level(logging.DEBUG, logger=name)
    monkeypatch.setattr(web, "ATTEMPTS", 2)
    provider.set_timeout(0.1 if kind == "timeout" else 60)
    destination = provider.connect()
    job = destination.upsert([destination.contact(BEN, {})], ["VIP"])
    provider.esp.settle()
    provider.esp.faults.add(Fault(kind, method=method, times=2))
    with pytest.raises(error) as raised:
        ACTIONS[method](destination, job)
    told = f"{raised.value}{caplog.text}{destination!r}"
    assert f"{method} /v3/marketing/" in told
    assert [secret for secret in (ADA, BEN, KEY, "Bearer", SECRET) if secret in told] == []


def test_a_key_that_may_only_read_is_an_access_problem(provider: Provider) -> None:
    provider.connect()
    destination = provider.connect(key="SG.demo-read-only")
    with pytest.raises(AccessDenied, match="403, the credential lacks the right"):
        destination.upsert([destination.contact(ADA, {})], [])
    with pytest.raises(AccessDenied, match="401, the credential is refused"):
        provider.connect(key="SG.revoked")
