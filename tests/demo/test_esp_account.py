"""The demo's ESP account as its owner has it: who may call, other accounts, what is deleted by hand, snapshots."""

from collections.abc import Iterator

import pytest
import requests

from demo.esp import Esp
from lifecycle.testing.faults import Fault
from lifecycle.testing.server import AppHost
from tests.demo.demo_clients import LISTS, Client, exported, messages_of, upsert

ADA, BEN, EVE = "ada@example.com", "ben@example.com", "eve@example.com"


@pytest.fixture
def other(esp: Esp, host: AppHost, sendgrid: Client) -> Iterator[tuple[Esp, Client]]:
    """Another account behind the same address, and a client that has its key."""
    account = esp.add_account("SG.other")
    with requests.Session() as session:
        session.headers["Authorization"] = "Bearer SG.other"
        yield account, Client(host.address, session)


def test_an_ip_address_that_is_not_allowed_is_refused_in_the_providers_words(sendgrid: Client, esp: Esp) -> None:
    esp.faults.add(Fault("ip_not_allowed"))
    refused = sendgrid.get(LISTS)
    assert (refused.status_code, messages_of(refused)[0].split(".")[0]) == (
        403,
        "Your IP address is not whitelisted",
    )
    assert sendgrid.get(LISTS).status_code == 200


def test_the_account_is_named_to_a_key_that_may_know_it(sendgrid: Client, esp: Esp) -> None:
    assert sendgrid.get("/v3/user/username").json() == {"username": "demo1", "user_id": 1}
    esp.rules.may_read_username = False
    assert sendgrid.get("/v3/user/username").status_code == 403
    assert "user.username.read" not in sendgrid.get("/v3/scopes").json()["scopes"]


def test_another_key_opens_another_account(sendgrid: Client, esp: Esp, other: tuple[Esp, Client]) -> None:
    account, client = other
    for each in (esp, account):
        each.add_contact(ADA, lists=["VIP"])
    assert client.get("/v3/user/username").json()["user_id"] == 2
    assert client.get(LISTS).json()["result"][0]["id"] == account.lists()["VIP"] != esp.lists()["VIP"]
    assert account.contacts()[ADA]["id"] != esp.contacts()[ADA]["id"]
    upsert(client, [{"email": BEN}], [account.lists()["VIP"]])
    assert [row["email"] for row in exported(client, account.lists()["VIP"])] == [ADA, BEN]
    assert esp.members("VIP") == {ADA}


def test_what_somebody_deletes_or_renames_is_gone_or_has_another_name(sendgrid: Client, esp: Esp) -> None:
    field = esp.add_field("stage", "Text")
    vip, lapsed = (esp.add_list(name) for name in ("VIP", "Lapsed"))
    upsert(sendgrid, [{"email": ADA, "custom_fields": {field: "new"}}, {"email": BEN}], [vip, lapsed])
    key = esp.contacts()[ADA]["id"]
    esp.delete_list("VIP")
    esp.rename_list("Lapsed", "Long gone")
    esp.delete_field("stage")
    esp.leave_list("Long gone", BEN)
    assert esp.lists() == {"Long gone": lapsed}
    assert (esp.members("Long gone"), esp.contacts()[ADA]["custom_fields"]) == ({ADA}, {})
    esp.delete_contact(ADA)
    upsert(sendgrid, [{"email": ADA}])
    assert esp.contacts()[ADA]["id"] != key
    assert esp.members("Long gone") == set()


def test_a_snapshot_takes_the_whole_account_back(sendgrid: Client, esp: Esp) -> None:
    vip = esp.add_list("VIP")
    upsert(sendgrid, [{"email": ADA}], [vip])
    snapshot = esp.snapshot()
    upsert(sendgrid, [{"email": BEN}], [vip])
    esp.add_field("stage", "Text")
    esp.delete_contact(ADA)
    esp.restore(snapshot)
    assert (esp.members("VIP"), esp.lists(), esp.fields(), len(esp.jobs())) == ({ADA}, {"VIP": vip}, {}, 1)
    upsert(sendgrid, [{"email": EVE}], [vip])
    assert esp.members("VIP") == {ADA, EVE}
