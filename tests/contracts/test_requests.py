"""A request that doesn't fit its provider's contract is noticed, with the place of what is wrong."""

import json
from collections.abc import Mapping

import pytest
import requests
from starlette.applications import Starlette
from starlette.requests import Request

from lifecycle.testing.server import running
from tests.contracts.requests import MOST_ROWS, Recorder, reasons

CONTACTS, IMPORT = "/v3/marketing/contacts", "/v3/contacts/import"
SENDGRID, BREVO = {"Authorization": "Bearer SG.demo"}, {"api-key": "xkeysib-demo"}
ADA = "ada@example.com"


def why(method: str, path: str, body: object = None, query: str = "", headers: Mapping[str, str] = SENDGRID) -> str:
    """What is wrong with a request."""
    names = {**headers, "Content-Type": "application/json"}
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": [(name.lower().encode(), value.encode()) for name, value in names.items()],
        "server": ("provider", 80),
        "scheme": "http",
        "root_path": "",
    }
    return "\n".join(reasons(Request(scope), b"" if body is None else json.dumps(body).encode()))


def test_a_request_of_the_contract_fits() -> None:
    contact = {"email": ADA, "first_name": "Ada", "custom_fields": {"e1_T": "new", "e2_N": 3, "e3_D": "2017-12-24"}}
    assert why("PUT", CONTACTS, {"list_ids": ["ca7a3796-e8a8-4029-9ccb-df8937940562"], "contacts": [contact]}) == ""
    assert why("GET", "/v3/marketing/lists", query="page_size=1000") == ""
    assert why("POST", IMPORT, {"jsonBody": [{"email": ADA, "attributes": {"A": ""}}], "listIds": [1]}, "", BREVO) == ""
    assert why("POST", "/v3/contacts/lists/7/contacts/remove", {"emails": [ADA]}, "", BREVO) == ""


@pytest.mark.parametrize(
    ("row", "place"),
    [
        ({"email": ADA, "custom_fields": {"e1_T": True}}, "$.contacts[0].custom_fields.e1_T: True is not of type"),
        ({"email": ADA, "custom_fields": {"e1_N": "3"}}, "$.contacts[0].custom_fields.e1_N: '3' is not of type"),
        ({"email": ADA, "custom_fields": {"e1_D": "soon"}}, "$.contacts[0].custom_fields.e1_D: 'soon' does not match"),
        ({"email": ADA, "custom_fields": {"stage": "new"}}, "$.contacts[0].custom_fields: "),
        ({"email": ADA, "first_name": "x" * 51}, "$.contacts[0].first_name: "),
        ({"email": ADA, "firstname": "Ada"}, "$.contacts[0]: Additional properties are not allowed ('firstname'"),
    ],
)
def test_a_contact_that_does_not_fit_is_noticed(row: dict[str, object], place: str) -> None:
    assert place in why("PUT", CONTACTS, {"contacts": [row]})
    assert place.replace("[0]", "[1]") in why("PUT", CONTACTS, {"contacts": [{"email": ADA}, row]})


@pytest.mark.parametrize(
    ("method", "path", "body", "query", "headers", "words"),
    [
        ("GET", "/v3/marketing/lists", None, "page_size=1001", SENDGRID, "greater than the maximum of 1000"),
        ("GET", "/v3/marketing/lists", None, "page=2", SENDGRID, "no parameter page"),
        ("DELETE", "/v3/marketing/lists/1/contacts", None, "", SENDGRID, "contact_ids"),
        ("POST", f"{CONTACTS}/search/emails", {"emails": ["x" * 101]}, "", SENDGRID, "$.emails[0]: "),
        ("POST", "/v3/marketing/lists", {"name": "x" * 101}, "", SENDGRID, "$.name: "),
        ("POST", "/v3/contactdb/recipients", {}, "", SENDGRID, "Path not found"),
        ("GET", "/v3/marketing/lists", None, "", {}, "no key"),
        ("GET", "/v3/contacts/lists", None, "limit=51", BREVO, "greater than the maximum of 50"),
        ("POST", IMPORT, {"jsonBody": [{"mail": ADA}], "listIds": [1]}, "", BREVO, "$.jsonBody[0]: "),
        ("POST", IMPORT, {"jsonBody": [{"email": ADA}], "listIds": ["1"]}, "", BREVO, "$.listIds[0]: "),
        ("POST", "/v3/contacts/lists/7/contacts/remove", {"emails": [ADA] * 151}, "", BREVO, "is not valid under"),
    ],
)
def test_a_request_that_does_not_fit_is_noticed(
    method: str, path: str, body: object, query: str, headers: dict[str, str], words: str
) -> None:
    assert words in why(method, path, body, query, headers)


def test_of_very_many_rows_some_are_looked_at() -> None:
    rows = [{"email": ADA, "first_name": 7}] * (MOST_ROWS * 10)
    assert MOST_ROWS // 2 < why("PUT", CONTACTS, {"contacts": rows}).count("7 is not of type") <= MOST_ROWS


def test_a_recorder_names_the_requests_that_were_made_and_do_not_fit() -> None:
    recorder = Recorder(Starlette())
    with running(recorder) as address:
        for name in ("VIP", "x" * 101, "x" * 101):
            requests.post(f"{address}/v3/marketing/lists", json={"name": name}, headers=SENDGRID, timeout=10)
        requests.get(f"{address}/_demo/requests", timeout=10)
    (reason,) = recorder.unfit()
    assert reason.startswith("POST /v3/marketing/lists: ")
