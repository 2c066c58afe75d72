"""The demo's Brevo behaves as Brevo's API v3 does."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from demo.brevo import Brevo, Pace
from lifecycle.testing.faults import Fault
from lifecycle.testing.server import AppHost
from tests.demo.demo_clients import Client

CONTACTS = "/v3/contacts"


@pytest.fixture
def server() -> Brevo:
    server = Brevo(pace=Pace(polls=1, seconds=None))
    server.add_list("VIP")
    for name, kind in (("STAGE", "Text"), ("ORDERS", "Number"), ("SINCE", "Date")):
        server.add_field(name, kind)
    return server


@pytest.fixture
def client(server: Brevo, host: AppHost) -> Iterator[Client]:
    host.app = server.app
    with requests.Session() as session:
        session.headers["api-key"] = "xkeysib-demo"
        yield Client(host.address, session)


def imported(client: Client, server: Brevo, rows: list[Any], **options: Any) -> dict[str, Any]:
    body = {"jsonBody": rows, "listIds": [server.lists()["VIP"]], **options}
    accepted = client.call("POST", f"{CONTACTS}/import", json=body)
    assert accepted.status_code == 202
    path = f"/v3/processes/{accepted.json()['processId']}"
    assert client.get(path).json()["status"] == "queued"
    process: dict[str, Any] = client.get(path).json()
    return process


def test_a_call_without_a_valid_key_is_refused(client: Client) -> None:
    answer = client.anyone(f"{CONTACTS}/lists")
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")


def test_a_key_that_may_only_read_is_refused_when_it_writes(client: Client) -> None:
    client.session.headers["api-key"] = "xkeysib-demo-read-only"
    assert client.get(f"{CONTACTS}/lists").status_code == 200
    assert client.call("POST", f"{CONTACTS}/lists", json={"name": "x", "folderId": 1}).status_code == 403


def test_lists_come_in_pages_the_newest_first(client: Client, server: Brevo) -> None:
    for number in range(12):
        server.add_list(f"List {number}")
    page = client.get(f"{CONTACTS}/lists").json()
    assert (len(page["lists"]), page["lists"][0]["name"], page["count"]) == (10, "List 11", 13)
    page = client.get(f"{CONTACTS}/lists", limit=50, offset=1, sort="asc").json()
    assert (len(page["lists"]), page["lists"][0]["name"]) == (12, "List 0")
    assert client.get(f"{CONTACTS}/lists", limit=51).json()["code"] == "out_of_range"


def test_names_of_lists_are_not_unique_and_those_of_attributes_are(client: Client) -> None:
    made = [client.call("POST", f"{CONTACTS}/lists", json={"name": "VIP", "folderId": 1}) for _ in range(2)]
    assert made[0].json()["id"] != made[1].json()["id"]
    made = [client.call("POST", f"{CONTACTS}/attributes/normal/new", json={"type": "text"}) for _ in range(2)]
    assert [answer.status_code for answer in made] == [201, 400]
    assert "NEW" in [item["name"] for item in client.get(f"{CONTACTS}/attributes").json()["attributes"]]


def test_an_import_takes_what_it_can_and_names_invalid_addresses_in_a_file(client: Client, server: Brevo) -> None:
    wrong = {"STAGE": "new", "ORDERS": "many", "SINCE": "yesterday", "UNKNOWN": 1}
    process = imported(client, server, [{"email": "Ada@Example.com", "attributes": wrong}, {"email": "000"}])
    assert process["status"] == "completed"
    assert server.contacts()["ada@example.com"]["attributes"] == {"STAGE": "new"}
    assert server.members("VIP") == {"ada@example.com"}
    file = requests.get(process["info"]["import"]["invalid_emails"], timeout=10)
    assert file.text.splitlines() == ["email", "000"]


def test_an_empty_value_empties_only_where_the_import_says_so(client: Client, server: Brevo) -> None:
    server.add_contact("ada@example.com", STAGE="new", ORDERS=1)
    rows = [{"email": "ada@example.com", "attributes": {"STAGE": ""}}]
    imported(client, server, rows)
    assert server.contacts()["ada@example.com"]["attributes"] == {"STAGE": "new", "ORDERS": 1}
    imported(client, server, rows, emptyContactsAttributes=True)
    assert server.contacts()["ada@example.com"]["attributes"] == {"ORDERS": 1}


def test_an_import_that_says_so_blocks_and_unblocks(client: Client, server: Brevo) -> None:
    rows = [{"email": "ada@example.com"}]
    for said, is_blocked in (({}, True), ({"emailBlacklist": False}, False), ({"emailBlacklist": True}, True)):
        server.block("ada@example.com")
        imported(client, server, rows, **said)
        assert server.contacts()["ada@example.com"]["emailBlacklisted"] is is_blocked


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"jsonBody": []}, "missing_parameter"),
        ({"listIds": []}, "missing_parameter"),
        ({"listIds": [77]}, "invalid_parameter"),
        ({"jsonBody": [{"email": "000"}]}, "invalid_parameter"),
        ({"jsonBody": [{"email": "ada@example.com", "attributes": {"STAGE": "x" * 10_000_000}}]}, "out_of_range"),
    ],
)
def test_an_import_that_cannot_be_taken_is_refused(
    client: Client, server: Brevo, change: dict[str, Any], code: str
) -> None:
    body = {"jsonBody": [{"email": "ada@example.com"}], "listIds": [server.lists()["VIP"]], **change}
    refused = client.call("POST", f"{CONTACTS}/import", json=body)
    assert (refused.status_code, refused.json()["code"]) == (400, code)
    assert server.jobs() == []


def test_leaving_a_list_is_done_at_once_and_refused_if_nobody_is_on_it(client: Client, server: Brevo) -> None:
    server.add_contact("ada@example.com", lists=["VIP"])
    path = f"{CONTACTS}/lists/{server.lists()['VIP']}/contacts/remove"
    answer = client.call("POST", path, json={"emails": ["Ada@example.com", "eve@example.com"]})
    assert answer.status_code == 201
    assert answer.json()["contacts"] == {"success": ["Ada@example.com"], "failure": ["eve@example.com"]}
    assert server.members("VIP") == set()
    assert client.call("POST", path, json={"emails": ["ada@example.com"]}).status_code == 400
    assert client.call("POST", path, json={"emails": ["a@example.com"] * 151}).json()["code"] == "out_of_range"


def test_a_contact_is_shown_by_its_address(client: Client, server: Brevo) -> None:
    server.add_contact("ada@example.com", lists=["VIP"], STAGE="new")
    assert client.get(f"{CONTACTS}/ada%40example.com").json()["listIds"] == [server.lists()["VIP"]]
    assert client.get(f"{CONTACTS}/eve%40example.com").status_code == 404


def test_imports_fail_and_wait_as_the_faults_say(client: Client, server: Brevo) -> None:
    server.faults.add(Fault("job_failed", path="/import$"), Fault("job_stuck", path="/import$"))
    body = {"jsonBody": [{"email": "ada@example.com"}], "listIds": [server.lists()["VIP"]]}
    for _ in range(2):
        client.call("POST", f"{CONTACTS}/import", json=body)
    server.finish_jobs()
    assert [job["status"] for job in server.jobs()] == ["failed", "queued"]
    assert client.get("/v3/processes/999999").status_code == 404


def test_limits_are_told_under_brevos_names(client: Client, server: Brevo) -> None:
    server.faults.add(Fault("429", retry_after=7, style="reset_seconds"))
    answer = client.get(f"{CONTACTS}/lists")
    assert (answer.status_code, answer.headers["x-sib-ratelimit-reset"]) == (429, "7")
    assert "x-ratelimit-reset" not in answer.headers
