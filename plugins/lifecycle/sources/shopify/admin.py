"""A shop's Admin API as a session that retries, waits for its bucket and raises our errors."""

import logging
import math
import re
import time
from collections.abc import Iterable
from functools import cached_property
from typing import Any

import requests

from lifecycle.errors import AccessDenied, AnswerUnreadable, LifecycleError, RateLimited, RetryLater
from lifecycle.settings import Connection
from lifecycle.sources import Document
from lifecycle.sources.shopify.queries import ANY_COMPANY, SCOPES
from lifecycle.web import LONGEST_WAIT, Refused, Session, document, part

#: The share of its time after which a token is replaced, so that it never runs out while a query is tried again.
RENEWED_AFTER = 0.5
TRANSIENT = {"INTERNAL_SERVER_ERROR", "TIMEOUT"}

log = logging.getLogger(__name__)


class Admin(Session):
    """A shop's Admin API: a session that knows its errors, which come with status 200, and how full its bucket is."""

    def __init__(self, connection: Connection, version: str) -> None:
        super().__init__()
        self.connection = connection
        self.address = f"{connection.base_url()}/admin/api/{version}/graphql.json"
        self.signed_in_until = self.ready_at = 0.0

    def ask(self, query: str, /, **variables: Any) -> Document:
        """What a query gives under ``data``; raises ``AccessDenied`` that names the field, else as ``web.Session``."""
        self._sign_in()
        asked = {"query": query, "variables": variables}
        # a redirect would take the token along to another host
        response = self.post(self.address, json=asked, allow_redirects=False)
        return dict(part(document(response), "data", dict))

    def check(self, scopes: Iterable[str]) -> None:
        """Raise ``AccessDenied`` that names the scopes which the token lacks; without some, orders would be missing."""
        installed = part(self.ask(SCOPES), "currentAppInstallation", dict)
        granted = {part(scope, "handle", str) for scope in part(installed, "accessScopes", list)}
        missing = [scope for scope in scopes if not {scope, scope.replace("read_", "write_", 1)} & granted]
        if missing:
            message = f"scope {', '.join(missing)} is missing"
            raise AccessDenied(message)

    @cached_property
    def sells_to_companies(self) -> bool:
        """Whether the shop has B2B; asked when the scopes are known to be there, so nothing else can be denied."""
        try:
            self.ask(ANY_COMPANY)
        except AccessDenied:
            log.info("the shop has no access to B2B: no companies are read")
            return False
        return True

    def _sign_in(self) -> None:
        """Get a token for an app's client id and secret, which lasts a day; a password alone is a token."""
        if time.monotonic() < self.signed_in_until:
            return
        token, seconds = self.connection.password, math.inf
        if self.connection.login:
            client = {"client_id": self.connection.login, "client_secret": token, "grant_type": "client_credentials"}
            address = f"{self.connection.base_url()}/admin/oauth/access_token"
            try:
                with Session() as session:
                    answer = document(session.post(address, data=client, allow_redirects=False))
            except Refused as refusal:
                message = f"client id and secret are refused ({refusal.status}), or the app is not installed there"
                raise AccessDenied(message) from None
            token, seconds = part(answer, "access_token", str), part(answer, "expires_in", int) * RENEWED_AFTER
        self.headers["X-Shopify-Access-Token"] = token
        self.signed_in_until = time.monotonic() + seconds

    def _send_once(self, request: requests.PreparedRequest, options: dict[str, Any]) -> requests.Response:
        missing = self.ready_at - time.monotonic()
        if missing > 0:
            time.sleep(missing)
        response = super()._send_once(request, options)
        answer = document(response)
        if not isinstance(answer, dict):
            return response
        missing = _seconds_missing(answer)
        failure = _problem(answer, missing)
        if failure:
            raise failure
        self.ready_at = time.monotonic() + missing
        return response


def _seconds_missing(answer: Document) -> float:
    """How long until the bucket holds again what the query might have cost."""
    cost = (answer.get("extensions") or {}).get("cost") or {}
    bucket = cost.get("throttleStatus") or {}
    figures = cost.get("requestedQueryCost"), bucket.get("currentlyAvailable"), bucket.get("restoreRate")
    asked, available, rate = (figure if isinstance(figure, int | float) else 0 for figure in figures)
    return min(max(asked - available, 0) / rate, LONGEST_WAIT) if rate > 0 else 0


def _problem(answer: Document, seconds: float) -> LifecycleError | None:
    """The error for an answer's ``errors``. Its messages may quote values: only codes and fields are shown."""
    errors = answer.get("errors")
    if not errors:
        return None
    listed = [error for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []
    codes = {str((error.get("extensions") or {}).get("code")) for error in listed}
    names = {".".join(step for step in error.get("path") or () if isinstance(step, str)) for error in listed}
    fields = ", ".join(sorted(name for name in names if re.fullmatch(r"[\w.]+", name))) or "the query"
    if "THROTTLED" in codes:
        return RateLimited("the Admin API is throttled", max(seconds, 1))
    if "ACCESS_DENIED" in codes:
        text = " ".join(str(error["extensions"].get("requiredAccess")) for error in listed if error.get("extensions"))
        scopes = sorted(set(re.findall(r"\b(?:read|write)_[a-z_]+", text)))
        return AccessDenied(f"the Admin API denies {fields}" + (f": it needs {' or '.join(scopes)}" if scopes else ""))
    if codes & TRANSIENT:
        return RetryLater(f"the Admin API has a problem with {fields}")
    shown_codes = ", ".join(sorted(code for code in codes if re.fullmatch(r"\w+", code)))
    return AnswerUnreadable(f"the Admin API refuses {fields} ({shown_codes or 'no code'})")
