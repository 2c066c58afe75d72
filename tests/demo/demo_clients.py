"""What the demo's tests share: a client for one server, and orders with only the fields that matter."""

import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import requests

TIMEOUT = 10
CONTACTS = "/v3/marketing/contacts"
LISTS = "/v3/marketing/lists"
FIELDS = "/v3/marketing/field_definitions"


@dataclass(frozen=True)
class Client:
    """Calls to one server with its credentials; `anyone` is a caller without them."""

    url: str
    session: requests.Session

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        """Call with the credentials."""
        return self.session.request(method, self.url + path, timeout=TIMEOUT, **options)

    def get(self, path: str, **params: Any) -> requests.Response:
        """Get with the credentials."""
        return self.call("GET", path, params=params)

    def anyone(self, path: str, **options: Any) -> requests.Response:
        """Get without credentials, except those in the options."""
        return requests.get(self.url + path, timeout=TIMEOUT, **options)


def order(key: int, created: str, modified: str | None = None, **facts: Any) -> dict[str, Any]:
    """Make an order that was last modified when it was created, unless told otherwise."""
    return {
        "id": key,
        "status": "completed",
        "customer_id": 0,
        "date_created_gmt": created,
        "date_modified_gmt": modified or created,
        "total": "10.00",
        "refunds": [],
        **facts,
    }


def put(client: Client, contacts: Sequence[object], lists: Sequence[str] = ()) -> requests.Response:
    """Upsert contacts into SendGrid."""
    return client.call("PUT", CONTACTS, json={"list_ids": list(lists), "contacts": list(contacts)})


def finished(client: Client, accepted: requests.Response) -> dict[str, Any]:
    """Ask about an accepted job until it is done."""
    assert accepted.status_code == 202
    path = f"{CONTACTS}/imports/{accepted.json()['job_id']}"
    assert client.get(path).json()["status"] == "pending"
    job: dict[str, Any] = client.get(path).json()
    return job


def upsert(client: Client, contacts: Sequence[object], lists: Sequence[str] = ()) -> dict[str, Any]:
    """Upsert contacts into SendGrid, to the end of the job."""
    return finished(client, put(client, contacts, lists))


def messages_of(answer: requests.Response) -> list[str]:
    """What SendGrid says to a refusal."""
    return [error["message"] for error in answer.json()["errors"]]


def exported(client: Client, *list_ids: str) -> list[dict[str, Any]]:
    """Export the contacts of SendGrid lists, of all if none is named."""
    path = f"{CONTACTS}/exports"
    key = client.call("POST", path, json={"list_ids": list_ids, "file_type": "json"}).json()["id"]
    client.get(f"{path}/{key}")
    content = requests.get(client.get(f"{path}/{key}").json()["urls"][0], timeout=TIMEOUT).content
    return [json.loads(line) for line in gzip.decompress(content).splitlines()]
