"""A session with a Shopware shop: it signs in as an integration, renews its token, and names what is missing."""

import re
import time
from dataclasses import dataclass, field
from typing import Any

import requests

from lifecycle.errors import AccessDenied, AnswerUnreadable
from lifecycle.settings import Connection
from lifecycle.sources import Document
from lifecycle.web import NOT_FOUND, Refused, Session, document, part

#: A token is renewed this many seconds before it expires.
RENEWED_BEFORE = 60
UNAUTHORIZED, FORBIDDEN = 401, 403
PRIVILEGE = re.compile(r"\b[a-z_]{1,60}:read\b")


@dataclass(slots=True)
class Integration:
    """Signs requests with an integration's access token, which it renews before it ends.

    A token that was accepted and then is no longer is renewed at once; a second refusal stands. Privileges that are
    missing are named.
    """

    url: str
    connection: Connection
    token: str = field(default="", repr=False)
    until: float = 0.0
    is_accepted: bool = False

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Sign a request."""
        if time.monotonic() >= self.until:
            self._renew()
        request.headers["Authorization"] = f"Bearer {self.token}"
        request.hooks["response"].append(self._check)
        return request

    def _renew(self) -> None:
        credentials = {"client_id": self.connection.login, "client_secret": self.connection.password}
        answer = ask(Session(), self.url, {"grant_type": "client_credentials", **credentials})
        self.token = part(answer, "access_token", str)
        self.until = time.monotonic() + part(answer, "expires_in", int) - RENEWED_BEFORE
        self.is_accepted = False

    def _check(self, response: requests.Response, **options: Any) -> requests.Response:
        if response.status_code == UNAUTHORIZED and self.is_accepted:
            response.close()
            self._renew()
            response.request.headers["Authorization"] = f"Bearer {self.token}"
            response = response.connection.send(response.request, **options)
        if response.status_code == FORBIDDEN:
            raise AccessDenied(_lacking(response))
        self.is_accepted = self.is_accepted or response.ok
        return response


def _lacking(response: requests.Response) -> str:
    missing = ", ".join(dict.fromkeys(PRIVILEGE.findall(response.text))) or "the right"
    endpoint = f"{response.request.method} {response.request.path_url.partition('?')[0]}"
    return f"{endpoint}: 403, the integration's role lacks {missing}"


def ask(session: Session, url: str, body: Document) -> Any:
    """An answer's JSON; a refusal quotes Shopware's code and words for it."""
    try:
        return document(session.post(url, json=body))
    except Refused as refusal:
        is_elsewhere = refusal.status == NOT_FOUND
        hint = ": the connection's host must be the address of the shop itself, without /api" if is_elsewhere else ""
        message = f"{refusal}{hint}"
        raise AnswerUnreadable(message) from None
