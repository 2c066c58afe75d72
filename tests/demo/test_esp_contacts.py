"""Contacts of the demo's ESP, their jobs and exports, are as SendGrid's Marketing Campaigns API v3 has them."""

import csv
import gzip
import io
import json
from pathlib import Path

import pytest
import requests

from demo.esp import Esp, Pace
from lifecycle.testing.clock import parse
from lifecycle.testing.server import running
from tests.demo.demo_clients import CONTACTS, LISTS, TIMEOUT, Client, finished, put, upsert


def test_an_upsert_takes_effect_when_its_job_completes(sendgrid: Client, esp: Esp) -> None:
    accepted = put(sendgrid, [{"email": "Ada@Example.com", "first_name": "Ada"}])
    assert esp.contacts() == {}
    job = finished(sendgrid, accepted)
    assert (job["status"], job["job_type"]) == ("completed", "upsert")
    assert job["results"] == {
        "requested_count": 1,
        "created_count": 1,
        "updated_count": 0,
        "errored_count": 0,
    }
    assert esp.contacts()["ada@example.com"]["first_name"] == "Ada"


def test_a_job_completes_by_time_alone_where_so_configured() -> None:
    esp = Esp(pace=Pace(polls=99, seconds=0.0))
    with running(esp.app) as url, requests.Session() as session:
        session.headers["Authorization"] = "Bearer SG.demo"
        put(Client(url, session), [{"email": "a@example.com"}])
        assert Client(url, session).get(f"{CONTACTS}/count").json()["contact_count"] == 1


def test_one_invalid_address_refuses_the_whole_request_and_names_the_row(sendgrid: Client, esp: Esp) -> None:
    answer = put(sendgrid, [{"email": "a@example.com"}, {"email": "000"}])
    assert answer.status_code == 400
    assert answer.json() == {"errors": [{"field": "contacts[1].email", "message": "email '000' is not valid"}]}
    esp.finish_jobs()
    assert esp.contacts() == {}


@pytest.mark.parametrize(
    ("contact", "field"),
    [
        ({"first_name": "Ada"}, "contacts[0].email"),
        ({"email": "a@example.com", "first_name": "x" * 51}, "contacts[0].first_name"),
        ({"email": "a@example.com", "custom_fields": {"e9_T": "x"}}, "contacts[0].custom_fields.e9_T"),
    ],
)
def test_a_request_with_a_faulty_row_is_refused(sendgrid: Client, contact: object, field: str) -> None:
    answer = put(sendgrid, [contact])
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == field


def test_a_request_that_is_empty_or_too_large_is_refused(sendgrid: Client) -> None:
    assert put(sendgrid, []).status_code == 400
    assert put(sendgrid, [{"email": f"a{n}@example.com"} for n in range(30_001)]).status_code == 400
    assert put(sendgrid, [{"email": f"a{n}@example.com", "city": "x" * 60} for n in range(60_000)]).status_code == 400


def test_an_unknown_list_is_refused(sendgrid: Client) -> None:
    assert put(sendgrid, [{"email": "a@example.com"}], ["no-such-list"]).status_code == 404


def test_omitted_fields_stay_and_unchanged_contacts_are_not_counted(sendgrid: Client, esp: Esp) -> None:
    upsert(sendgrid, [{"email": "a@example.com", "first_name": "Ada", "city": "Bern"}])
    changed = upsert(sendgrid, [{"email": "a@example.com", "city": "Basel"}])
    assert changed["results"]["updated_count"] == 1
    same = upsert(sendgrid, [{"email": "a@example.com", "city": "Basel"}])
    assert (same["results"]["created_count"], same["results"]["updated_count"]) == (0, 0)
    contact = esp.contacts()["a@example.com"]
    assert (contact["first_name"], contact["city"]) == ("Ada", "Basel")


def test_lists_are_only_added_to_by_an_upsert(sendgrid: Client, esp: Esp) -> None:
    one, two = esp.add_list("One"), esp.add_list("Two")
    upsert(sendgrid, [{"email": "a@example.com"}], [one])
    upsert(sendgrid, [{"email": "a@example.com"}], [two])
    assert esp.members("One") == esp.members("Two") == {"a@example.com"}


def test_a_value_of_the_wrong_type_costs_only_its_row(sendgrid: Client, esp: Esp) -> None:
    fields = {name: esp.add_field(name.lower(), name) for name in ("Number", "Date", "Text")}
    wrong = {"Number": "many", "Date": "soon", "Text": "x" * 1001}
    rows = [{"email": f"{name}@example.com", "custom_fields": {fields[name]: value}} for name, value in wrong.items()]
    right = {fields["Number"]: 3, fields["Date"]: "2017-12-24", fields["Text"]: "x" * 1000}
    job = upsert(sendgrid, [*rows, {"email": "ok@example.com", "custom_fields": right}])
    assert (job["status"], job["results"]["errored_count"], job["results"]["created_count"]) == (
        "errored",
        3,
        1,
    )
    rejected = requests.get(job["results"]["errors_url"], timeout=TIMEOUT)
    assert [row["email"] for row in csv.DictReader(io.StringIO(rejected.text))] == [
        f"{name.lower()}@example.com" for name in wrong
    ]
    assert esp.contacts()["ok@example.com"]["custom_fields"]["date"] == "2017-12-24T00:00:00Z"


def test_a_job_whose_rows_are_all_refused_has_failed(sendgrid: Client, esp: Esp) -> None:
    field = esp.add_field("age", "Number")
    assert upsert(sendgrid, [{"email": "a@example.com", "custom_fields": {field: "x"}}])["status"] == "failed"


def test_contacts_leave_a_list_by_their_ids_when_the_job_completes(sendgrid: Client, esp: Esp) -> None:
    esp.add_contact("a@example.com", lists=["One"])
    key = esp.contacts()["a@example.com"]["id"]
    path = f"{LISTS}/{esp.lists()['One']}/contacts"
    accepted = sendgrid.call("DELETE", path, params={"contact_ids": key})
    assert esp.members("One") == {"a@example.com"}
    assert finished(sendgrid, accepted)["status"] == "completed"
    assert esp.members("One") == set()
    assert "a@example.com" in esp.contacts()
    too_many = ",".join([key] * 101)
    assert sendgrid.call("DELETE", path, params={"contact_ids": too_many}).status_code == 400


def test_contacts_are_deleted_by_their_ids(sendgrid: Client, esp: Esp) -> None:
    esp.add_contact("a@example.com")
    key = esp.contacts()["a@example.com"]["id"]
    finished(sendgrid, sendgrid.call("DELETE", CONTACTS, params={"ids": key}))
    assert esp.contacts() == {}


def test_addresses_resolve_to_contacts_a_hundred_a_call(sendgrid: Client, esp: Esp) -> None:
    def search(*emails: str) -> requests.Response:
        return sendgrid.call("POST", f"{CONTACTS}/search/emails", json={"emails": emails})

    esp.add_contact("a@example.com")
    result = search("A@example.com", "b@example.com").json()["result"]
    assert result["a@example.com"]["contact"]["email"] == "a@example.com"
    assert result["b@example.com"] == {"error": "contact not found"}
    assert search("b@example.com").status_code == 404
    assert search(*(f"a{n}@example.com" for n in range(101))).status_code == 400


def test_an_export_holds_the_lists_members_with_their_lists(sendgrid: Client, esp: Esp) -> None:
    field = esp.add_field("stage", "Text")
    one = esp.add_list("One")
    esp.add_contact("outside@example.com")
    upsert(sendgrid, [{"email": "a@example.com", "custom_fields": {field: "new"}}], [one])
    asked = sendgrid.call("POST", f"{CONTACTS}/exports", json={"list_ids": [one], "file_type": "json"})
    assert asked.status_code == 202
    path = f"{CONTACTS}/exports/{asked.json()['id']}"
    assert sendgrid.get(path).json()["status"] == "pending"
    ready = sendgrid.get(path).json()
    assert (ready["status"], ready["contact_count"]) == ("ready", 1)
    content = requests.get(ready["urls"][0], timeout=TIMEOUT).content
    (row,) = [json.loads(line) for line in gzip.decompress(content).splitlines()]
    assert (row["email"], row["list_ids"], row["custom_fields"]) == ("a@example.com", [one], {"stage": "new"})
    assert {"contact_id", "created_at", "updated_at", "first_name", "country"} <= row.keys()


def test_a_sample_of_contacts_comes_with_the_count_of_all(sendgrid: Client, esp: Esp) -> None:
    for n in range(51):
        esp.add_contact(f"a{n:02}@example.com")
    answer = sendgrid.get(CONTACTS).json()
    assert (len(answer["result"]), answer["contact_count"]) == (50, 51)
    key = answer["result"][0]["id"]
    assert sendgrid.get(f"{CONTACTS}/{key}").json()["email"] == answer["result"][0]["email"]


def test_contacts_carry_the_clocks_time_and_those_of_the_future_wait(sendgrid: Client, esp: Esp) -> None:
    esp.clock.now = parse("2017-03-01T00:00:00Z")
    esp.add_contact("later@example.com", lists=["One"], created_at=parse("2017-04-01T00:00:00Z"))
    upsert(sendgrid, [{"email": "a@example.com"}])
    assert esp.contacts().keys() == {"a@example.com"}
    assert esp.contacts()["a@example.com"]["created_at"] == "2017-03-01T00:00:00Z"
    esp.clock.now = parse("2017-04-01T00:00:00Z")
    assert esp.members("One") == {"later@example.com"}


def test_the_state_and_accepted_jobs_survive_the_end_of_the_process(tmp_path: Path) -> None:
    first = Esp(state=tmp_path, pace=Pace(polls=9, seconds=None))
    with running(first.app) as url, requests.Session() as session:
        session.headers["Authorization"] = "Bearer SG.demo"
        list_id = Client(url, session).call("POST", LISTS, json={"name": "One"}).json()["id"]
        put(Client(url, session), [{"email": "a@example.com"}], [list_id])
    second = Esp(state=tmp_path)
    second.finish_jobs()
    assert second.members("One") == {"a@example.com"}
