"""The demo's ESP is as strict as SendGrid is reported to be."""

import csv
import io
from typing import Any

import pytest
import requests

from demo.esp import Esp
from lifecycle.testing.clock import parse
from lifecycle.testing.faults import Fault
from tests.demo.demo_clients import (
    CONTACTS,
    FIELDS,
    LISTS,
    TIMEOUT,
    Client,
    exported,
    finished,
    messages_of,
    put,
    upsert,
)

ADA, BEN, EVE = "ada@example.com", "ben@example.com", "eve@example.com"


def rejected(job: dict[str, Any]) -> list[dict[str, str]]:
    """The rows of a job's errors file."""
    return list(csv.DictReader(io.StringIO(requests.get(job["results"]["errors_url"], timeout=TIMEOUT).text)))


def search(client: Client, *emails: str) -> requests.Response:
    return client.call("POST", f"{CONTACTS}/search/emails", json={"emails": emails})


@pytest.mark.parametrize("kind", ["Text", "Number", "Date"])
def test_null_is_refused_at_once_or_by_the_job_or_clears(sendgrid: Client, esp: Esp, kind: str) -> None:
    field = esp.add_field("field", kind)
    rows = [{"email": ADA, "custom_fields": {field: None}}, {"email": BEN}]
    reason = f'custom field "{field}" cannot be null'
    esp.rules.null = "request"
    answer = put(sendgrid, rows)
    assert (answer.status_code, messages_of(answer)) == (400, [reason])
    esp.rules.null = "row"
    assert rejected(upsert(sendgrid, rows)) == [{"email": ADA, "error": reason}]
    esp.rules.null = "cleared"
    assert upsert(sendgrid, rows)["status"] == "completed"


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("Text", True),
        ("Text", 7),
        ("Text", "x" * 1001),
        ("Number", "7"),
        ("Number", True),
        ("Date", "2017-02-30"),
        ("Date", "1563315130"),
        ("Date", 1563315130),
        ("Date", False),
    ],
)
def test_a_value_of_another_type_is_refused_by_the_job_or_at_once(
    sendgrid: Client, esp: Esp, kind: str, value: object
) -> None:
    field = esp.add_field("field", kind)
    rows = [{"email": ADA, "custom_fields": {field: value}}, {"email": BEN}]
    job = upsert(sendgrid, rows)
    assert (job["status"], [row["email"] for row in rejected(job)]) == ("errored", [ADA])
    esp.rules.wrong_type = "request"
    answer = put(sendgrid, rows)
    assert answer.json()["errors"][0]["field"] == f"contacts[0].custom_fields.{field}"


@pytest.mark.parametrize(
    "wrong",
    [
        {"first_name": None},
        {"first_name": 7},
        {"last_name": "x" * 51},
        {"country": "x" * 51},
        {"address_line_1": "x" * 101},
        {"external_id": "x" * 255},
        {"alternate_emails": [ADA] * 6},
        {"alternate_emails": BEN},
    ],
)
def test_reserved_fields_have_the_types_and_lengths_of_the_contract(sendgrid: Client, wrong: dict[str, object]) -> None:
    answer = put(sendgrid, [{"email": ADA, **wrong}])
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, f"contacts[0].{next(iter(wrong))}")


@pytest.mark.parametrize(
    ("names", "fields"),
    [("all", ["contacts[1].email", "contacts[2].email"]), ("first", ["contacts[1].email"]), ("nobody", [None])],
)
def test_a_refused_request_names_every_row_or_the_first_or_none(
    sendgrid: Client, esp: Esp, names: Any, fields: list[str | None]
) -> None:
    esp.rules.names = names
    answer = put(sendgrid, [{"email": ADA}, {"email": "000"}, {"email": "111"}])
    assert (answer.status_code, [error["field"] for error in answer.json()["errors"]]) == (400, fields)


def test_unknown_custom_fields_are_named_in_one_message_where_so_configured(sendgrid: Client, esp: Esp) -> None:
    esp.rules.unknown_field = "message"
    answer = put(sendgrid, [{"email": ADA, "custom_fields": {"e8_T": "x", "e9_T": "y"}}])
    assert messages_of(answer) == ["invalid custom field ids supplied - e8_T,e9_T"]


def test_an_address_that_the_provider_does_not_take_costs_its_row_or_the_request(sendgrid: Client, esp: Esp) -> None:
    esp.rules.refused[ADA] = "no such mailbox"
    rows = [{"email": "Ada@Example.com"}, {"email": BEN}]
    assert rejected(upsert(sendgrid, rows)) == [{"email": ADA, "error": "no such mailbox"}]
    esp.rules.refused_at = "request"
    assert messages_of(put(sendgrid, rows)) == ["no such mailbox"]
    assert esp.contacts().keys() == {BEN}


def test_a_full_plan_takes_those_who_are_there_and_says_so_of_each_other(sendgrid: Client, esp: Esp) -> None:
    esp.add_contact(ADA)
    esp.rules.max_contacts = 2
    rows = [{"email": email, "city": "Bern"} for email in (BEN, EVE, ADA)]
    assert rejected(upsert(sendgrid, rows)) == [{"email": EVE, "error": "you have hit your contact limit"}]
    assert esp.contacts()[ADA]["city"] == "Bern"
    esp.rules.contact_limit = "request"
    answer = put(sendgrid, rows)
    assert (answer.status_code, messages_of(answer)) == (400, ["you have hit your contact limit"])
    assert put(sendgrid, [{"email": ADA}]).status_code == 202


def test_a_thousand_lists_and_five_hundred_fields_are_all(sendgrid: Client, esp: Esp) -> None:
    for number in range(1_000):
        esp.add_list(f"List {number}")
    for number in range(500):
        esp.add_field(f"field_{number}", "Text")
    assert sendgrid.call("POST", LISTS, json={"name": "One more"}).status_code == 400
    assert sendgrid.call("POST", FIELDS, json={"name": "one_more", "field_type": "Text"}).status_code == 400
    esp.delete_list("List 7")
    assert sendgrid.call("POST", LISTS, json={"name": "One more"}).status_code == 201


def test_an_address_of_more_than_a_hundred_characters_makes_a_search_fail(sendgrid: Client, esp: Esp) -> None:
    esp.add_contact(ADA)
    assert search(sendgrid, ADA, f"{'x' * 89}@example.com").status_code == 400
    assert search(sendgrid, ADA, f"{'x' * 88}@example.com").status_code == 200


def test_a_search_can_miss_who_is_there(sendgrid: Client, esp: Esp) -> None:
    esp.add_contact(ADA)
    esp.faults.add(Fault("search_misses", path="/search/emails$"))
    assert [search(sendgrid, ADA).status_code for _ in range(2)] == [404, 200]


def test_what_a_job_did_is_not_seen_until_it_was_looked_for_often_enough(sendgrid: Client, esp: Esp) -> None:
    esp.add_contact(BEN, lists=["VIP"])
    esp.rules.looks_until_found = 4
    vip = esp.lists()["VIP"]
    upsert(sendgrid, [{"email": ADA}], [vip])
    assert esp.members("VIP") == {ADA, BEN}
    assert search(sendgrid, ADA).status_code == 404
    assert [row["email"] for row in exported(sendgrid, vip)] == [BEN]
    assert [row["contact_count"] for row in sendgrid.get(LISTS).json()["result"]] == [1]
    assert sendgrid.get(f"{CONTACTS}/count").json()["contact_count"] == 1
    assert search(sendgrid, ADA).status_code == 200
    key = esp.contacts()[BEN]["id"]
    finished(sendgrid, sendgrid.call("DELETE", f"{LISTS}/{vip}/contacts", params={"contact_ids": key}))
    assert search(sendgrid, BEN).json()["result"][BEN]["contact"]["list_ids"] == [vip]


@pytest.mark.parametrize(
    ("kind", "form", "text"),
    [
        ("rows_rejected", "addresses", "email,error\nada@example.com,bad luck\n"),
        ("rows_unnamed", "addresses", "error\nbad luck\n"),
        ("rows_rejected", "messages", "error\nbad luck\n"),
        ("rows_expired", "addresses", None),
        ("rows_rejected", "expired", None),
    ],
)
def test_a_file_of_refused_rows_names_them_or_not_or_is_gone(
    sendgrid: Client, esp: Esp, kind: str, form: Any, text: str | None
) -> None:
    esp.rules.errors_file = form
    esp.faults.add(Fault(kind, method="PUT", message="bad luck"))
    results = upsert(sendgrid, [{"email": ADA}, {"email": BEN}])["results"]
    answer = requests.get(results["errors_url"], timeout=TIMEOUT)
    assert results["errored_count"] == 1
    assert (answer.status_code, answer.text.replace("\r", "") if text else None) == (200 if text else 403, text)


def test_a_job_may_have_a_count_of_refused_rows_and_no_file(sendgrid: Client, esp: Esp) -> None:
    esp.rules.errors_file = "missing"
    esp.faults.add(Fault("rows_rejected", method="PUT"))
    results = upsert(sendgrid, [{"email": ADA}, {"email": BEN}])["results"]
    assert (results["errored_count"], "errors_url" in results) == (1, False)


def test_a_late_job_waits_for_the_accounts_clock_and_a_stuck_one_for_its_release(sendgrid: Client, esp: Esp) -> None:
    esp.clock.now = parse("2017-03-01T00:00:00Z")
    esp.faults.add(Fault("job_late", method="PUT", seconds=3_600), Fault("job_stuck", method="PUT"))
    keys = [put(sendgrid, [{"email": email}]).json()["job_id"] for email in (ADA, BEN)]

    def statuses() -> list[str]:
        return [sendgrid.get(f"{CONTACTS}/imports/{key}").json()["status"] for key in keys]

    assert [statuses() for _ in range(3)][-1] == ["pending", "pending"]
    esp.clock.now = parse("2017-03-01T01:00:00Z")
    assert statuses() == ["completed", "pending"]
    esp.release_jobs()
    assert statuses() == ["completed", "completed"]


@pytest.mark.parametrize(("kind", "status"), [("job_failed", "failure"), ("job_stuck", "pending")])
def test_an_export_fails_or_is_never_ready(sendgrid: Client, esp: Esp, kind: str, status: str) -> None:
    esp.faults.add(Fault(kind, path="/exports$"))
    key = sendgrid.call("POST", f"{CONTACTS}/exports", json={}).json()["id"]
    assert [sendgrid.get(f"{CONTACTS}/exports/{key}").json()["status"] for _ in range(3)][-1] == status


def test_a_contact_without_an_address_has_another_identifier_and_is_exported(sendgrid: Client, esp: Esp) -> None:
    assert upsert(sendgrid, [{"external_id": "c-1", "first_name": "Ada"}])["results"]["created_count"] == 1
    assert put(sendgrid, [{"first_name": "Ada"}]).status_code == 400
    (row,) = exported(sendgrid)
    assert (row["external_id"], row["first_name"], "email" in row) == ("c-1", "Ada", False)
    assert esp.contacts() == {}


def test_an_update_must_carry_every_identifier_that_the_contact_has(sendgrid: Client, esp: Esp) -> None:
    esp.add_contact(ADA, external_id="c-1")
    (row,) = rejected(upsert(sendgrid, [{"email": ADA, "city": "Bern"}]))
    assert row["email"] == ADA
    assert upsert(sendgrid, [{"email": ADA, "external_id": "c-1", "city": "Bern"}])["status"] == "completed"
    assert esp.contacts()[ADA]["city"] == "Bern"
