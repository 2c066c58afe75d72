"""What the demo's tests share: a client for one server, and orders with only the fields that matter."""

from dataclasses import dataclass
from typing import Any

import requests

TIMEOUT = 10


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
