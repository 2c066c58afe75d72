"""What only Brevo has: names that are not unique, imports that need a list, and a file of invalid addresses."""

import logging
import time
from typing import Any

import orjson
import pytest

from lifecycle.destinations import Outcome, Removal
from lifecycle.destinations.brevo.account import FOLDER, UNLISTED
from lifecycle.errors import AnswerUnreadable, RowRejected, SettingsInvalid
from lifecycle.testing.faults import Fault
from lifecycle.testing.providers import ADA, BEN, EVE, EVERYTHING, LISTS, Provider, write

pytestmark = pytest.mark.parametrize("provider", ["brevo"], indirect=True)


def imports(provider: Provider) -> list[dict[str, Any]]:
    """The bodies of all imports."""
    bodies = [orjson.loads(body) for body in provider.wire.bodies if b"jsonBody" in body]
    return [dict(body) for body in bodies]


@pytest.mark.parametrize("kind", ["500", "reset_mid_body", "truncated", "timeout"])
def test_a_folder_or_list_whose_making_lost_its_answer_is_there_once(provider: Provider, kind: str) -> None:
    provider.set_timeout(0.3 if kind == "timeout" else 60)
    for path in ("/folders$", "/lists$"):
        provider.server.faults.add(Fault(kind, method="POST", path=path, performed=True))
    provider.connect()
    assert list(provider.server.account.folders.values()).count(FOLDER) == 1
    assert sorted(name for name, _ in provider.server.account.lists.values()) == sorted([*LISTS, UNLISTED])


def test_a_list_that_was_not_made_is_made_by_the_next_try(provider: Provider) -> None:
    provider.server.faults.add(Fault("500", method="POST", path="/lists$", times=2))
    provider.connect()
    assert provider.lists() == {*LISTS}


def test_of_lists_with_one_name_ours_goes_before_the_oldest(provider: Provider) -> None:
    account = provider.server.account
    oldest, _ = (account.add_list("VIP") for _ in range(2))
    assert provider.connect().list_ids["VIP"] == str(oldest)
    folder = next(number for number, name in account.folders.items() if name == FOLDER)
    ours = account.add_list("VIP", folder)
    assert provider.connect().list_ids["VIP"] == str(ours)


def test_an_import_says_nothing_about_who_is_blocked(provider: Provider) -> None:
    destination = provider.connect()
    provider.server.block(ADA)
    write(destination, {ADA: {**EVERYTHING, "lifecycle_orders": None}}, "VIP")
    (sent,) = imports(provider)
    attributes = {"LIFECYCLE_STAGE": "new", "LIFECYCLE_ORDERS": "", "LIFECYCLE_SINCE": "2017-12-30"}
    assert sent == {
        "updateExistingContacts": True,
        "emptyContactsAttributes": True,
        "disableNotification": True,
        "listIds": [provider.server.lists()["VIP"]],
        "jsonBody": [{"email": ADA, "attributes": attributes}],
    }
    assert provider.server.contacts()[ADA]["emailBlacklisted"]


def test_the_attributes_of_a_german_account_greet_and_none_is_made_beside_them(provider: Provider) -> None:
    for name in ("VORNAME", "NACHNAME"):
        provider.server.add_field(name, "Text")
    names = {"first_name": "Zoë", "last_name": "Müller"}
    destination = provider.connect(fields=dict.fromkeys(names, "Text"))
    write(destination, {ADA: names}, "VIP")
    assert provider.server.contacts()[ADA]["attributes"] == {"VORNAME": "Zoë", "NACHNAME": "Müller"}
    assert provider.server.fields().keys() == {"VORNAME", "NACHNAME"}
    assert [held.fields for held in provider.connect(lists=[], fields={}).contacts("VIP")] == [names]


def test_an_attribute_that_is_no_text_does_not_greet(provider: Provider) -> None:
    provider.server.account.attributes |= {"COUNTRY": "category"}
    destination = provider.connect(fields={"country": "Text"})
    write(destination, {ADA: {"country": "CH"}}, "VIP")
    assert provider.server.contacts()[ADA]["attributes"] == {"LAND": "CH"}


def test_a_number_is_written_as_a_text_into_a_text_attribute_of_the_marketer_s(provider: Provider) -> None:
    provider.server.add_field("BESTELLUNGEN", "Text")
    destination = provider.connect(fields={"Bestellungen": "Number"})
    write(destination, {ADA: {"Bestellungen": 12.5}}, "VIP")
    assert provider.server.contacts()[ADA]["attributes"] == {"BESTELLUNGEN": "12.5"}
    assert [held.fields for held in destination.contacts("VIP")] == [{"Bestellungen": 12.5}]


def test_who_is_off_the_list_only_by_the_answer_is_not_found(provider: Provider) -> None:
    destination = provider.connect()
    write(destination, {ADA: {}}, "VIP")
    answer = {"contacts": {"success": [], "failure": [ADA, EVE]}}
    provider.wire.answers.append(("POST", "/contacts/remove$", answer))
    removal = destination.remove("VIP", [ADA, EVE])
    assert removal == Removal(None, frozenset({ADA}))


def test_the_list_for_what_joins_none_is_emptied_at_the_next_sign_in(provider: Provider) -> None:
    write(provider.connect(), {ADA: EVERYTHING})
    assert provider.server.members(UNLISTED) == {ADA}
    provider.connect()
    assert provider.server.members(UNLISTED) == set()
    assert provider.fields(ADA) == EVERYTHING


def test_a_batch_without_any_valid_address_is_rejected_with_a_reason_if_it_is_one_row(provider: Provider) -> None:
    destination = provider.connect()
    rows = [destination.encoded(email, {}) for email in ("000", "")]
    with pytest.raises(RowRejected) as rejection:
        destination.upsert(rows, ["VIP"])
    assert rejection.value.reasons == {}
    with pytest.raises(RowRejected) as rejection:
        destination.upsert(rows[:1], ["VIP"])
    assert rejection.value.reasons == {0: "There is no valid email in the file"}
    assert "000" not in str(rejection.value)


def test_an_invalid_address_is_refused_later_by_its_name(provider: Provider) -> None:
    outcome = write(provider.connect(), {"ada@nowhere": {}, BEN: {}, EVE: {"lifecycle_orders": 1}}, "VIP")
    assert outcome == Outcome("completed", [("ada@nowhere", "the address is invalid")], 1)
    assert provider.server.contacts().keys() == {BEN, EVE}


@pytest.mark.parametrize(
    "text",
    [
        "email\nADA@nowhere\n",
        "\ufeffEMAIL;FIRSTNAME\r\nada@nowhere;Ada\r\n",
        "FIRSTNAME,EMAIL,LIFECYCLE_STAGE\nAda,ada@nowhere,new\n\nragged\n",
        "ada@nowhere\n",
    ],
)
def test_an_invalid_address_is_found_in_any_file(provider: Provider, text: str) -> None:
    destination = provider.connect()
    job = destination.upsert([destination.encoded(ADA, {})], ["VIP"])
    provider.server.finish_jobs()
    provider.server.account.processes[int(job)].file = provider.server.account.keep(text.encode())
    assert destination.outcome(job) == Outcome("completed", [("ada@nowhere", "the address is invalid")], 1)


def test_a_file_that_is_gone_leaves_a_refused_row_without_a_name(provider: Provider) -> None:
    destination = provider.connect()
    job = destination.upsert([destination.encoded(email, {}) for email in (ADA, "000")], ["VIP"])
    provider.server.finish_jobs()
    provider.server.account.files.clear()
    assert destination.outcome(job) == Outcome("completed", [], 1)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ({"status": "in_process"}, Outcome("pending")),
        ({"status": "processing"}, Outcome("pending")),
        ({"status": "cancelled"}, Outcome("failed")),
        ({"status": "completed"}, Outcome("completed")),
        ({"status": "completed", "info": {"import": {"invalid_emails": 3}}}, Outcome("completed", (), 3)),
        ({"status": "completed", "info": {"import": {"invalid_emails": "3"}}}, Outcome("completed", (), 3)),
        ({"status": "completed", "info": {"import": None}}, Outcome("completed")),
    ],
)
def test_every_answer_about_an_import_has_a_meaning(provider: Provider, answer: object, outcome: Outcome) -> None:
    destination = provider.connect()
    provider.wire.answers.append(("GET", "/processes/", {"id": 7, "name": "IMPORTUSER", **dict(answer)}))  # type: ignore[call-overload]
    assert destination.outcome("7") == outcome


@pytest.mark.parametrize(
    ("action", "path", "answer"),
    [
        ("outcome", "/processes/", {"id": 7, "name": "IMPORTUSER", "status": "half done"}),
        ("contacts", "/contacts$", {"contacts": 7, "count": 7}),
        ("contacts", "/contacts$", {"contacts": [], "count": 7}),
        ("contacts", "/contacts$", {"contacts": [{"email": ADA}], "count": 1}),
        ("contacts", "/contacts$", {"contacts": ["x"], "count": 1}),
        ("contacts", "/contacts$", {"contacts": [{"id": 7, "email": ADA, "attributes": 7}], "count": 1}),
    ],
)
def test_an_answer_that_makes_no_sense_is_unreadable(
    provider: Provider, action: str, path: str, answer: object
) -> None:
    destination = provider.connect()
    provider.wire.answers.append(("GET", path, answer))
    with pytest.raises(AnswerUnreadable):
        list(destination.contacts("VIP")) if action == "contacts" else destination.outcome("7")


def test_a_few_on_a_long_list_are_looked_up_one_by_one_and_nowhere_named(
    provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    destination = provider.connect()
    for number in range(501):
        provider.server.add_contact(f"p{number}@example.com", lists=["VIP"])
    provider.server.add_contact(EVE, lists=["Lapsed"])
    provider.server.faults.add(Fault("500", path="/v3/contacts/ada"), Fault("422", path="/v3/contacts/ben"))
    assert destination.members_among("VIP", ["P1@example.com"]) == {"p1@example.com"}
    assert destination.members_among("VIP", [ADA]) == destination.members_among("VIP", [EVE]) == set()
    with pytest.raises(AnswerUnreadable) as raised:
        destination.members_among("VIP", [BEN])
    assert [address for address in (ADA, BEN, EVE, "p1@") if address in f"{caplog.text}{raised.value}"] == []
    assert len([path for _, path in provider.wire.calls if path.endswith("/contacts")]) == 4


def test_nobody_is_missed_when_others_leave_while_the_list_is_read(provider: Provider) -> None:
    destination = provider.connect()
    for number in range(1200):
        provider.server.add_contact(f"p{number}@example.com", lists=["VIP"])
    reading = destination.contacts("VIP")
    first = [next(reading).email for _ in range(500)]
    account = provider.server.account
    for email in first[:50]:
        account.contacts[email].list_ids.clear()
    rest = [held.email for held in reading]
    assert sorted(first + rest) == sorted(f"p{number}@example.com" for number in range(1200))


def test_a_list_that_was_deleted_since_holds_nobody(provider: Provider) -> None:
    destination = provider.connect()
    provider.case.delete_list(provider.server, "VIP")
    assert list(destination.contacts("VIP")) == []


def test_an_attribute_of_another_category_is_of_another_type(provider: Provider) -> None:
    attributes = [{"name": "LIFECYCLE_STAGE", "category": "transactional", "type": "text"}]
    provider.wire.answers.append(("GET", "/attributes$", {"attributes": attributes}))
    with pytest.raises(SettingsInvalid, match="attribute LIFECYCLE_STAGE is transactional at Brevo, not text"):
        provider.connect()


@pytest.mark.parametrize("answer", [{"lists": ["x"], "count": 1}, {"lists": [{"id": 1}], "count": 1}, {"count": 1}])
def test_lists_of_another_shape_are_unreadable(provider: Provider, answer: object) -> None:
    provider.wire.answers.append(("GET", "/lists$", answer))
    with pytest.raises(AnswerUnreadable):
        provider.connect()


def test_an_account_without_lists_may_leave_them_out_of_its_answer(provider: Provider) -> None:
    provider.wire.answers.append(("GET", "/lists$", {"count": 0}))
    provider.connect()
    assert provider.lists() == {*LISTS}


@pytest.mark.parametrize("message", ["List IDs do not exist", "Something else is wrong", ""])
def test_a_refusal_that_is_not_about_the_rows_puts_nobody_aside(provider: Provider, message: str) -> None:
    destination = provider.connect()
    provider.server.faults.add(Fault("400", path="/import$", body={"code": "invalid_parameter", "message": message}))
    with pytest.raises(AnswerUnreadable):
        destination.upsert([destination.encoded(ADA, {})], ["VIP"])


def test_a_contact_without_an_address_is_passed_over(provider: Provider) -> None:
    destination = provider.connect()
    rows = [{"id": 7, "attributes": {"SMS": "41790000000"}}, {"id": 8, "email": "Eve@Example.com", "attributes": {}}]
    provider.wire.answers.append(("GET", "/contacts$", {"contacts": rows, "count": 2}))
    assert [held.email for held in destination.contacts("VIP")] == [EVE]


def test_numbers_and_days_are_read_as_they_were_given_whatever_form_they_have_there(provider: Provider) -> None:
    destination = provider.connect()
    given = {"LIFECYCLE_ORDERS": "12.5", "LIFECYCLE_SINCE": "2017-12-30T00:00:00.000Z", "LIFECYCLE_STAGE": "new"}
    others = {"FIRSTNAME": "Ada", "SMS": "41790000000"}
    answer = {"contacts": [{"id": 7, "email": ADA, "attributes": given | others}], "count": 1}
    provider.wire.answers.append(("GET", "/contacts$", answer))
    assert [held.fields for held in destination.contacts("VIP")] == [dict(EVERYTHING)]


def test_a_contact_is_encoded_in_little_time(provider: Provider) -> None:
    destination, since = provider.connect(), time.process_time()
    for number in range(20_000):
        destination.encoded(f"person{number}@example.com", EVERYTHING)
    assert time.process_time() - since < 1


def test_open_imports_are_asked_about_together(provider: Provider) -> None:
    provider.server.faults.add(Fault("job_failed", path="/import$", after=2))
    destination = provider.connect()
    jobs = [destination.upsert([destination.encoded(email, {})], ["VIP"]) for email in (ADA, BEN, EVE)]
    provider.server.finish_jobs()
    provider.wire.calls.clear()
    assert [destination.outcome(job).status for job in jobs] == ["completed", "completed", "failed"]
    assert provider.wire.calls == [("GET", "/v3/processes")]
    assert destination.outcome(jobs[0]).status == "completed"
    assert provider.wire.calls[1:] == [("GET", f"/v3/processes/{jobs[0]}")]
