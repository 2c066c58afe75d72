"""The demo's ESP behaves as SendGrid's API v3 does: keys, lists, fields, suppressions, messages."""

from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from demo.esp import Esp, RateLimit, Rules
from lifecycle.testing.clock import parse
from lifecycle.testing.server import running
from tests.demo.demo_clients import FIELDS, LISTS, Client, messages_of


def test_a_call_without_a_valid_key_is_refused(sendgrid: Client) -> None:
    answer = sendgrid.anyone(LISTS)
    assert answer.status_code == 401
    assert answer.json() == {"errors": [{"field": None, "message": "authorization required"}]}


def test_a_key_without_the_scope_may_read_but_not_write(sendgrid: Client) -> None:
    sendgrid.session.headers["Authorization"] = "Bearer SG.demo-read-only"
    assert sendgrid.get(LISTS).status_code == 200
    refused = sendgrid.call("POST", LISTS, json={"name": "x"})
    assert (refused.status_code, messages_of(refused)) == (403, ["access forbidden"])
    assert "marketing.update" not in sendgrid.get("/v3/scopes").json()["scopes"]


def test_lists_are_created_renamed_paged_and_deleted(sendgrid: Client, esp: Esp) -> None:
    created = sendgrid.call("POST", LISTS, json={"name": "One"})
    assert created.status_code == 201
    assert created.json().keys() == {"id", "name", "contact_count", "_metadata"}
    assert sendgrid.call("POST", LISTS, json={"name": "One"}).status_code == 400
    path = f"{LISTS}/{created.json()['id']}"
    assert sendgrid.call("PATCH", path, json={"name": "First"}).json()["name"] == "First"
    esp.add_contact("a@example.com", lists=["First", "Two", "Three"])
    assert sendgrid.get(f"{path}/contacts/count").json()["contact_count"] == 1
    assert sendgrid.get(path, contact_sample="true").json()["contact_sample"][0]["email"] == "a@example.com"
    page = sendgrid.get(LISTS, page_size=2).json()
    rest = Client("", sendgrid.session).get(page["_metadata"]["next"]).json()
    assert {row["name"] for row in page["result"] + rest["result"]} == {"First", "Two", "Three"}
    assert "next" not in rest["_metadata"]
    assert sendgrid.call("DELETE", path).status_code == 204
    assert sendgrid.get(path).status_code == 404
    assert "a@example.com" in esp.contacts()


def test_custom_fields_get_numbered_ids_and_unique_names(sendgrid: Client) -> None:
    def create(name: str, field_type: str = "Text") -> requests.Response:
        return sendgrid.call("POST", FIELDS, json={"name": name, "field_type": field_type})

    assert create("stage").json()["id"] == "e1_T"
    assert create("orders", "Number").json()["id"] == "e2_N"
    assert create("Stage").status_code == create("first_name").status_code == create("two words").status_code == 400
    assert sendgrid.call("PATCH", f"{FIELDS}/e1_T", json={"name": "phase"}).json()["name"] == "phase"
    assert sendgrid.call("DELETE", f"{FIELDS}/e2_N").status_code == 204
    assert create("since", "Date").json()["id"] == "e3_D"
    answer = sendgrid.get(FIELDS).json()
    assert [field["name"] for field in answer["custom_fields"]] == ["phase", "since"]
    assert answer["reserved_fields"][0] == {"id": "_rf0_T", "name": "first_name", "field_type": "Text"}


def test_suppressions_are_paged_and_windowed_inclusively(sendgrid: Client, esp: Esp) -> None:
    for n in range(1, 6):
        esp.suppress("bounces", f"a{n}@example.com", datetime.fromtimestamp(n, UTC), reason="gone", status="5.1.1")

    def created(**params: object) -> list[int]:
        return [row["created"] for row in sendgrid.get("/v3/suppression/bounces", **params).json()]

    assert created() == [5, 4, 3, 2, 1]
    assert created(limit=2, offset=2) == [3, 2]
    assert created(start_time=2, end_time=4) == [4, 3, 2]
    assert created(offset=5) == []
    assert sendgrid.get("/v3/suppression/bounces", limit=501).status_code == 400
    esp.clock.now = datetime.fromtimestamp(3, UTC)
    assert created() == [3, 2, 1]


def test_messages_are_found_by_window_address_and_status_newest_first(sendgrid: Client, esp: Esp) -> None:
    base = {"from_email": "news@example.com", "subject": "Hi", "status": "delivered", "opens_count": 0}
    esp.add_messages(
        [
            {
                **base,
                "msg_id": f"m{n}",
                "to_email": f"a{n}@example.com",
                "clicks_count": 0,
                "last_event_time": at,
            }
            for n, at in enumerate(["2017-03-01T00:00:00Z", "2017-03-02T00:00:00Z", "2017-03-03T00:00:00Z"])
        ]
    )
    clicked = {**base, "opens_count": 1, "clicks_count": 1, "last_event_time": "2017-03-05T00:00:00Z"}
    esp.add_messages([{**clicked, "msg_id": "m0", "to_email": "a0@example.com"}])

    def found(query: str = "", limit: int = 10) -> list[str]:
        answer = sendgrid.get("/v3/messages", query=query, limit=limit).json()
        return [message["msg_id"] for message in answer["messages"]]

    window = 'last_event_time BETWEEN TIMESTAMP "2017-03-02T00:00:00Z" AND TIMESTAMP "2017-03-03T00:00:00.000Z"'
    assert found() == ["m0", "m2", "m1"]
    assert found(window) == ["m2", "m1"]
    assert found(f'{window} AND to_email="A1@example.com" AND status="delivered"') == ["m1"]
    assert found(limit=1) == ["m0"]
    esp.clock.now = parse("2017-03-04T00:00:00Z")
    assert found() == ["m2", "m1", "m0"]


@pytest.mark.parametrize("query", ['mood="good"', "to_email", 'status="lost"', 'to_email="a" OR status="delivered"'])
def test_a_query_that_makes_no_sense_is_refused(sendgrid: Client, query: str) -> None:
    answer = sendgrid.get("/v3/messages", query=query)
    assert answer.status_code == 400
    assert messages_of(answer)[0].startswith("invalid syntax")


def test_a_message_limit_beyond_a_thousand_is_refused(sendgrid: Client) -> None:
    assert sendgrid.get("/v3/messages", limit=1001).status_code == 400


@pytest.mark.parametrize(("reset", "least", "most"), [("seconds", 0, 60), ("epoch", 1_500_000_000, 2**40)])
def test_the_rate_limit_is_told_on_every_answer_and_kept(reset: Any, least: int, most: int) -> None:
    esp = Esp(rules=Rules(rate_limit=RateLimit(calls=1, seconds=60, reset=reset)))
    with running(esp.app) as url, requests.Session() as session:
        session.headers["Authorization"] = "Bearer SG.demo"
        first, second = (Client(url, session).get(LISTS) for _ in range(2))
    assert (first.status_code, first.headers["X-RateLimit-Remaining"]) == (200, "0")
    assert least <= int(first.headers["X-RateLimit-Reset"]) <= most
    assert second.status_code == 429


def test_unsubscribe_groups_show_their_addresses(sendgrid: Client, esp: Esp) -> None:
    esp.add_group(42, "Offers")
    esp.leave_group(42, "a@example.com", datetime.fromtimestamp(9, UTC))
    assert sendgrid.get("/v3/asm/groups").json()[0]["unsubscribes"] == 1
    assert sendgrid.get("/v3/asm/groups/42/suppressions").json() == ["a@example.com"]
    assert sendgrid.get("/v3/asm/suppressions").json() == [
        {"email": "a@example.com", "group_id": 42, "group_name": "Offers", "created_at": 9}
    ]
