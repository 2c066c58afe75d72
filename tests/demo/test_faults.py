"""Each fault shows itself as documented, as often as asked, and then is gone."""

import time
from typing import Any

import pytest
import requests

from demo.esp import Esp
from demo.shop import Shop
from lifecycle.testing.faults import Fault
from lifecycle.testing.server import running
from tests.demo.demo_clients import TIMEOUT, Client

CONTACTS = "/v3/marketing/contacts"


def root(client: Client) -> str:
    return client.url.removesuffix("/wp-json/wc/v3")


@pytest.mark.parametrize(("kind", "status"), [("500", 500), ("503", 503), ("unauthorized", 401), ("forbidden", 403)])
def test_a_refusal_comes_in_the_vendors_words_and_only_as_often_as_asked(
    sendgrid: Client, esp: Esp, kind: str, status: int
) -> None:
    esp.faults.add(Fault(kind, path="/lists$", method="GET", times=2, after=1))
    answers = [sendgrid.get("/v3/marketing/lists") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, status, status, 200]
    assert answers[1].json()["errors"][0].keys() == {"field", "message"}


@pytest.mark.parametrize(
    ("style", "header", "least"),
    [
        ("retry_after", "Retry-After", 7),
        ("reset_seconds", "X-RateLimit-Reset", 7),
        ("reset_epoch", "X-RateLimit-Reset", 10**9),
    ],
)
def test_too_many_requests_tells_the_wait_in_the_chosen_style(
    woo: Client, shop: Shop, style: Any, header: str, least: int
) -> None:
    shop.faults.add(Fault("429", retry_after=7, style=style))
    answer = woo.get("/orders")
    assert answer.status_code == 429
    assert int(answer.headers[header]) >= least


def test_a_reset_in_mid_body_breaks_the_connection(woo: Client, shop: Shop) -> None:
    shop.faults.add(Fault("reset_mid_body"))
    with pytest.raises(requests.RequestException):
        woo.get("/orders")
    assert woo.get("/orders").status_code == 200


@pytest.mark.parametrize("kind", ["truncated", "not_json"])
def test_a_broken_body_comes_with_a_good_status(woo: Client, shop: Shop, kind: str) -> None:
    shop.faults.add(Fault(kind))
    answer = woo.get("/orders")
    assert answer.status_code == 200
    with pytest.raises(requests.JSONDecodeError):
        answer.json()


def test_a_timeout_is_silence(woo: Client, shop: Shop) -> None:
    shop.faults.add(Fault("timeout", seconds=5))
    with pytest.raises(requests.ReadTimeout):
        woo.session.get(f"{woo.url}/orders", timeout=0.1)


def test_a_shifted_page_misses_or_repeats_documents(woo: Client, shop: Shop) -> None:
    def second_page() -> list[int]:
        answer = woo.get("/orders", per_page=2, page=2, orderby="id", order="asc")
        return [order["id"] for order in answer.json()]

    shop.faults.add(Fault("page_shift", shift=1), Fault("page_shift", shift=-1))
    assert [second_page() for _ in range(3)] == [[4, 5], [2, 3], [3, 4]]


def test_a_performed_fault_hides_that_the_request_took_effect(sendgrid: Client, esp: Esp) -> None:
    esp.faults.add(Fault("500", method="POST", performed=True))
    assert sendgrid.call("POST", "/v3/marketing/lists", json={"name": "One"}).status_code == 500
    assert "One" in esp.lists()


@pytest.mark.parametrize(
    ("kind", "status", "members"),
    [("job_failed", "failed", 0), ("job_stuck", "pending", 0), ("rows_rejected", "errored", 1)],
)
def test_a_job_meets_its_fate(sendgrid: Client, esp: Esp, kind: str, status: str, members: int) -> None:
    esp.faults.add(Fault(kind, path=f"{CONTACTS}$", method="PUT", message="bad luck"))
    contacts = [{"email": "a@example.com"}, {"email": "b@example.com"}]
    job_id = sendgrid.call("PUT", CONTACTS, json={"contacts": contacts}).json()["job_id"]
    jobs = [sendgrid.get(f"{CONTACTS}/imports/{job_id}").json() for _ in range(3)]
    assert jobs[-1]["status"] == status
    assert len(esp.contacts()) == members
    if kind == "rows_rejected":
        errors = requests.get(jobs[-1]["results"]["errors_url"], timeout=TIMEOUT).text
        assert errors.split() == ["email,error", "a@example.com,bad", "luck"]


def test_faults_are_switched_over_http_too(woo: Client, shop: Shop) -> None:
    control = f"{root(woo)}/_demo/faults"
    requests.post(control, json=[{"kind": "500", "times": None}], timeout=TIMEOUT)
    assert [woo.get("/orders").status_code for _ in range(2)] == [500, 500]
    requests.delete(control, timeout=TIMEOUT)
    assert woo.get("/orders").status_code == 200
    refused = requests.post(control, json={"kind": "earthquake"}, timeout=TIMEOUT)
    assert refused.status_code == 400
    assert shop.faults.active == []


def test_the_clock_is_set_over_http_too(woo: Client, shop: Shop) -> None:
    control = f"{root(woo)}/_demo/clock"
    assert requests.put(control, json={"now": "2017-03-02T13:00:00Z"}, timeout=TIMEOUT).status_code == 200
    assert len(woo.get("/orders").json()) == 2
    assert requests.get(control, timeout=TIMEOUT).json() == {"now": "2017-03-02T13:00:00Z"}
    requests.put(control, json={"now": None}, timeout=TIMEOUT)
    assert shop.clock.now is None


def test_requests_are_counted_by_method_and_path_template(sendgrid: Client, esp: Esp) -> None:
    esp.add_contact("a@example.com", lists=["One"])
    list_id = esp.lists()["One"]
    for _ in range(2):
        sendgrid.get(f"/v3/marketing/lists/{list_id}")
    counts = requests.get(f"{root(sendgrid)}/_demo/requests", timeout=TIMEOUT).json()
    assert counts == {"GET /v3/marketing/lists/{id}": 2}
    assert esp.faults.writes() == 0
    sendgrid.call("DELETE", f"/v3/marketing/lists/{list_id}")
    assert esp.faults.writes() == 1


def test_a_server_stops_while_a_caller_still_waits(esp: Esp) -> None:
    esp.faults.add(Fault("timeout", seconds=60))
    begun = time.monotonic()
    with running(esp.app) as url, pytest.raises(requests.ReadTimeout):
        requests.get(f"{url}/v3/scopes", timeout=0.05)
    assert time.monotonic() - begun < 5
