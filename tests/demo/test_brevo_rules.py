"""The demo's Brevo is as strict as the real one is documented to be, and its owner can change the account."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from demo.brevo import Brevo, Pace, Rules
from lifecycle.testing.clock import parse
from lifecycle.testing.faults import Fault
from lifecycle.testing.server import AppHost
from tests.demo.demo_clients import TIMEOUT, Client

CONTACTS = "/v3/contacts"
ADA, BEN, EVE = "ada@example.com", "ben@example.com", "eve@example.com"


@pytest.fixture
def server() -> Brevo:
    server = Brevo(pace=Pace(polls=0, seconds=None))
    server.add_list("VIP")
    return server


@pytest.fixture
def client(server: Brevo, host: AppHost) -> Iterator[Client]:
    host.app = server.app
    with requests.Session() as session:
        session.headers["api-key"] = "xkeysib-demo"
        yield Client(host.address, session)


def imported(client: Client, server: Brevo, *emails: str) -> str:
    """Import contacts into VIP; the path of the process."""
    body = {"jsonBody": [{"email": email} for email in emails], "listIds": [server.lists()["VIP"]]}
    accepted = client.call("POST", f"{CONTACTS}/import", json=body)
    return f"/v3/processes/{accepted.json()['processId']}"


def test_a_hundred_questions_about_processes_are_answered_in_an_hour(client: Client, server: Brevo) -> None:
    path = imported(client, server, ADA)
    answers = [client.get(path if n % 2 else "/v3/processes") for n in range(101)]
    assert [answer.status_code for answer in answers] == [200] * 100 + [429]
    left = [answer.headers["x-sib-ratelimit-remaining"] for answer in answers]
    assert left == [str(n) for n in range(99, -1, -1)] + ["0"]
    assert 3_500 < int(answers[-1].headers["x-sib-ratelimit-reset"]) <= 3_600
    assert client.get(f"{CONTACTS}/lists").status_code == 200
    server.rules.questions_an_hour = None
    assert client.get(path).status_code == 200


@pytest.mark.parametrize("has_info", [True, False])
def test_the_list_of_processes_tells_of_invalid_addresses_or_not(
    client: Client, server: Brevo, *, has_info: bool
) -> None:
    server.rules.listing_has_info = has_info
    path = imported(client, server, ADA, "000")
    (process,) = client.get("/v3/processes").json()["processes"]
    assert (process["status"], "info" in process) == ("completed", has_info)
    assert client.get(path).json()["info"]["import"]["invalid_emails"]


@pytest.mark.parametrize(("language", "first_name"), [("en", "FIRSTNAME"), ("de", "VORNAME"), ("fr", "PRENOM")])
def test_an_account_has_attributes_from_its_beginning(language: Any, first_name: str) -> None:
    assert first_name in Brevo(rules=Rules(language=language)).fields()


def test_who_is_blocked_is_listed_with_those_who_changed_and_by_day(client: Client, server: Brevo) -> None:
    for day, email in ((1, ADA), (2, BEN), (3, EVE)):
        server.clock.now = parse(f"2017-03-0{day}T12:00:00Z")
        server.add_contact(email)
    server.clock.now = parse("2017-03-04T12:00:00Z")
    server.block(ADA)
    changed = client.get(CONTACTS, modifiedSince="2017-03-03T00:00:00Z", sort="asc").json()
    assert [(each["email"], each["emailBlacklisted"]) for each in changed["contacts"]] == [(ADA, True), (EVE, False)]
    blocked = "/v3/smtp/blockedContacts"
    assert [each["email"] for each in client.get(blocked).json()["contacts"]] == [ADA]
    assert client.get(blocked, startDate="2017-03-05", endDate="2017-03-06").json()["contacts"] == []
    assert client.get(blocked, startDate="2017-03-05").status_code == 400
    assert client.get(blocked, limit=101).status_code == 400


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("rows_rejected", "email\nada@example.com"),
        ("rows_unnamed", "error\ninvalid email"),
        ("rows_expired", None),
    ],
)
def test_the_file_of_invalid_addresses_names_them_or_not_or_is_gone(
    client: Client, server: Brevo, kind: str, text: str | None
) -> None:
    server.faults.add(Fault(kind, path="/import$"))
    process = client.get(imported(client, server, ADA, BEN)).json()
    answer = requests.get(process["info"]["import"]["invalid_emails"], timeout=TIMEOUT)
    assert (answer.status_code, answer.text if text else None) == (200 if text else 404, text)
    assert server.members("VIP") == {BEN}


def test_a_late_import_waits_for_the_accounts_clock_and_a_stuck_one_for_its_release(
    client: Client, server: Brevo
) -> None:
    server.clock.now = parse("2017-03-01T00:00:00Z")
    server.faults.add(Fault("job_late", path="/import$", seconds=3_600), Fault("job_stuck", path="/import$"))
    paths = [imported(client, server, email) for email in (ADA, BEN)]
    assert [client.get(path).json()["status"] for path in paths] == ["queued", "queued"]
    server.clock.now = parse("2017-03-01T01:00:00Z")
    assert [client.get(path).json()["status"] for path in paths] == ["completed", "queued"]
    server.release_jobs()
    assert client.get(paths[1]).json()["status"] == "completed"


def test_an_ip_address_that_is_not_allowed_is_refused_in_brevos_words(client: Client, server: Brevo) -> None:
    server.faults.add(Fault("ip_not_allowed"))
    refused = client.get(f"{CONTACTS}/lists")
    assert (refused.status_code, refused.json()["code"]) == (401, "unauthorized")
    assert "unrecognised IP address" in refused.json()["message"]


def test_another_key_opens_another_account(client: Client, server: Brevo, host: AppHost) -> None:
    other = server.add_account("xkeysib-other")
    for each in (server, other):
        each.add_contact(ADA, lists=["VIP"])
    with requests.Session() as session:
        session.headers["api-key"] = "xkeysib-other"
        theirs = Client(host.address, session)
        assert theirs.get("/v3/account").json()["user_id"] == 2
        assert theirs.get(f"{CONTACTS}/lists").json()["lists"][0]["id"] == other.lists()["VIP"] != server.lists()["VIP"]
        imported(theirs, other, BEN)
    other.finish_jobs()
    assert (other.members("VIP"), server.members("VIP")) == ({ADA, BEN}, {ADA})


def test_what_somebody_deletes_or_renames_is_gone_or_has_another_name(client: Client, server: Brevo) -> None:
    server.add_field("STAGE", "Text")
    server.add_contact(ADA, lists=["VIP", "Lapsed"], STAGE="new")
    number, snapshot = server.contacts()[ADA]["id"], server.snapshot()
    server.rename_list("VIP", "Best")
    server.delete_list("Lapsed")
    server.delete_field("STAGE")
    assert (list(server.lists()), server.members("Best")) == (["Best"], {ADA})
    assert server.contacts()[ADA]["attributes"] == {}
    server.leave_list("Best", ADA)
    server.delete_contact(ADA)
    server.add_contact(ADA)
    assert server.contacts()[ADA]["id"] != number
    server.restore(snapshot)
    assert (server.members("VIP"), server.members("Lapsed"), server.contacts()[ADA]["id"]) == ({ADA}, {ADA}, number)
    imported(client, server, BEN)
    server.finish_jobs()
    assert server.members("VIP") == {ADA, BEN}
