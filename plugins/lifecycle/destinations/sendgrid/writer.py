"""The writing of SendGrid through the ``sendgrid`` package.

The package knows the addresses of the API; time-outs, retries and errors are ``web.py``'s. Batches of contacts go by
our own session, because they are encoded already and the package would do it again. Upserts only add to lists and run
as jobs; leaving a list needs the contact's id, which a search by address gives.
"""

import csv
import io
import json
import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPException
from typing import Any

import orjson
from python_http_client.exceptions import HTTPError
from sendgrid import SendGridAPIClient

from lifecycle.destinations import Outcome, RemoteContact
from lifecycle.errors import AccessDenied, AnswerUnreadable, LifecycleError, RetryLater, RowRejected, SettingsInvalid
from lifecycle.settings import Connection, FieldType
from lifecycle.sources.sendgrid import api as account
from lifecycle.web import NOT_FOUND, Refused, Session, attempt, document, if_found, part, problem

TIMEOUT = 60.0
BAD_REQUEST = 400
_part = partial(part, whose="SendGrid's")
ROW = re.compile(r"contacts\[(\d+)\]")

# At DEBUG the package logs the Authorization header and every payload, whatever level its parent has.
logging.getLogger("python_http_client.client").setLevel(logging.INFO)


@dataclass(frozen=True, slots=True)
class SendGrid:
    """A SendGrid account with the lists and custom fields that we need, by their ids there."""

    api: Any = field(repr=False)
    session: Session = field(repr=False)
    writer: Session = field(repr=False)
    address: str
    list_ids: Mapping[str, str]
    field_ids: Mapping[str, str]
    name: str = "sendgrid"
    max_batch_size: int = 30_000
    max_batch_bytes: int = 6_000_000
    max_removals: int = 100
    max_concurrency: int = 3
    max_poll_seconds: float = 10.0

    def encoded(self, email: str, fields: Mapping[str, Any]) -> bytes:
        """``custom_fields`` by id, dates as moments in UTC; a field that is gone there is empty already."""
        custom = {}
        for name, value in fields.items():
            field_id = self.field_ids[name] if value is not None else self.field_ids.get(name)
            if field_id is not None:
                custom[field_id] = _value(field_id, value)
        return orjson.dumps({"email": email, "custom_fields": custom})

    def upsert(self, contacts: Sequence[bytes], lists: Iterable[str]) -> str:
        """``PUT /v3/marketing/contacts``; raises ``RowRejected`` with the rows that a 400 names."""
        list_ids = orjson.dumps([self.list_ids[name] for name in lists])
        body = b'{"list_ids":' + list_ids + b',"contacts":[' + b",".join(contacts) + b"]}"
        headers = {"Content-Type": "application/json"}
        try:
            answer = self.writer.put(
                f"{self.address}/v3/marketing/contacts", data=body, headers=headers, timeout=TIMEOUT
            )
        except Refused as refusal:
            raise _refused_rows(refusal) from None
        return str(_part(document(answer), "job_id"))

    def remove(self, list_name: str, emails: Sequence[str]) -> str | None:
        """Resolve the ids of those on the list, and take them off it."""
        ids = ",".join(self._ids_on(list_name, emails).values())
        if not ids:
            return None
        place = self.api.marketing.lists._(self.list_ids[list_name]).contacts
        request = partial(place.delete, query_params={"contact_ids": ids})
        return str(_part(_call("DELETE /v3/marketing/lists/{id}/contacts", request), "job_id"))

    def members_among(self, list_name: str, emails: Sequence[str]) -> set[str]:
        """``POST /v3/marketing/contacts/search/emails``."""
        return set(self._ids_on(list_name, emails))

    def _ids_on(self, list_name: str, emails: Sequence[str]) -> dict[str, str]:
        """Address → contact id, of those who are on the list; nobody is on a list that was deleted there."""
        list_id = self.list_ids.get(list_name)
        if list_id is None or not emails:
            return {}
        request = partial(self.api.marketing.contacts.search.emails.post, request_body={"emails": list(emails)})
        answer = if_found(lambda: _call("POST /v3/marketing/contacts/search/emails", request))
        if answer is None:
            return {}
        known = {email: item["contact"] for email, item in _part(answer, "result").items() if "contact" in item}
        return {email: who["id"] for email, who in known.items() if list_id in who["list_ids"]}

    def outcome(self, job: str) -> Outcome:
        """``GET /v3/marketing/contacts/imports/{id}``, with the refused rows from ``errors_url``."""
        endpoint = "GET /v3/marketing/contacts/imports/{id}"
        answer = if_found(lambda: _call(endpoint, self.api.marketing.contacts.imports._(job).get))
        if answer is None:
            return Outcome("unknown")
        status, results = str(_part(answer, "status")), answer.get("results") or {}
        count, errors_url = int(results.get("errored_count") or 0), results.get("errors_url")
        rejected = _rejected_rows(errors_url) if count and errors_url else []
        if status in {"completed", "errored"}:
            return Outcome("completed", rejected, count)
        if status in {"pending", "failed"}:
            return Outcome("pending" if status == "pending" else "failed", rejected, count)
        message = f"{endpoint}: unknown status {status!r}"
        raise AnswerUnreadable(message)

    def contacts(self, list_name: str) -> Iterator[RemoteContact]:
        """By the contact export of the list, which has the custom fields by name."""
        list_id = self.list_ids.get(list_name)
        for contact in self._exported(list_id) if list_id else ():
            values = {**contact, **(contact.get("custom_fields") or {})}
            fields = {
                name: _read(self.field_ids[name], value)
                for key, value in values.items()
                if value not in (None, "") and (name := str(key).lower()) in self.field_ids
            }
            yield RemoteContact(str(contact["contact_id"]), str(contact["email"]).lower(), fields)

    def _exported(self, list_id: str) -> Iterator[Mapping[str, Any]]:
        try:
            yield from account.export(self.session, self.address, list_id)
        except Refused as refusal:  # the list was deleted there
            if refusal.status != NOT_FOUND:
                raise


def _value(field_id: str, value: Any) -> Any:
    if isinstance(value, str):
        return f"{value}T00:00:00Z" if field_id.endswith("_D") else value[:1000]
    return value


def _read(field_id: str, value: Any) -> Any:
    """A field's value as it was passed to ``encoded``."""
    if field_id.endswith("_D"):
        return str(value)[:10]
    return float(value) if field_id.endswith("_N") and isinstance(value, str) else value


def _refused_rows(refusal: Refused) -> LifecycleError:
    """What a refused batch means: rows named by their place, a field that is still to come, or no batch at all."""
    endpoint, errors = "PUT /v3/marketing/contacts", _errors(refusal.body)
    places = [str(error.get("field") or error.get("parameter") or "") for error in errors]
    if any("custom_fields" in place for place in places):
        return RetryLater(f"{endpoint}: a custom field is not known there yet")
    if any("list_ids" in place for place in places) or refusal.status != BAD_REQUEST:
        return AnswerUnreadable(f"{endpoint}: {refusal.status}, a list or the request itself is refused")
    rows = {
        int(match.group(1)): str(error.get("message", "rejected"))
        for place, error in zip(places, errors, strict=True)
        if (match := ROW.search(place))
    }
    return RowRejected(f"{endpoint}: {refusal.status}, {len(rows)} row(s) named", rows)


def connect(connection: Connection, lists: Iterable[str], fields: Mapping[str, FieldType]) -> SendGrid:
    """Sign in, and make the lists and custom fields that are not there yet.

    Raises ``SettingsInvalid`` if a field of that name has another type there.
    """
    session, address = account.sign_in(connection)
    client = SendGridAPIClient(api_key=connection.password, host=address)
    client.client.timeout = TIMEOUT
    api = client.client
    list_ids = account.lists(session, address)
    for name in lists:
        if name not in list_ids:
            list_ids[name] = _new_list(api, session, address, name)
    writer, _ = account.sign_in(connection, attempts=1)
    return SendGrid(api, session, writer, address, list_ids, _field_ids(api, fields))


def missing_rights(connection: Connection) -> list[str]:
    """What the key may not do; nothing is changed: an upsert of nobody is refused, but only to who may write."""
    session, address = account.sign_in(connection)
    account.lists(session, address)
    try:
        session.put(f"{address}/v3/marketing/contacts", json={"contacts": []})
    except AccessDenied:
        return ["Marketing: full access"]
    except Refused as refusal:
        if refusal.status != BAD_REQUEST:
            raise
    return []


def _new_list(api: Any, session: Session, address: str, name: str) -> str:
    """Make a list and return its id; a refusal can mean that a try whose answer was lost has made it."""
    try:
        made = _call("POST /v3/marketing/lists", partial(api.marketing.lists.post, request_body={"name": name}))
    except AnswerUnreadable:
        known = account.lists(session, address)
        if name not in known:
            raise
        return known[name]
    return str(_part(made, "id"))


def _field_ids(api: Any, fields: Mapping[str, FieldType]) -> dict[str, str]:
    """Name → id of every custom field, also of those that are no longer pushed; missing ones are made."""
    known = _known_fields(api)
    for name, kind in fields.items():
        item = known[name] = known.get(name) or _new_field(api, name, kind)
        if item["field_type"] != kind:
            message = f"custom field {name} is {item['field_type']} at SendGrid, not {kind}; rename it there"
            raise SettingsInvalid(message)
    return {name: item["id"] for name, item in known.items()}


def _known_fields(api: Any) -> dict[str, dict[str, Any]]:
    answer = _call("GET /v3/marketing/field_definitions", api.marketing.field_definitions.get)
    return {item["name"].lower(): item for item in answer.get("custom_fields") or []}


def _new_field(api: Any, name: str, kind: FieldType) -> dict[str, Any]:
    """Make a custom field; a refusal can mean that a try whose answer was lost has made it."""
    request = partial(api.marketing.field_definitions.post, request_body={"name": name, "field_type": kind})
    try:
        return dict(_call("POST /v3/marketing/field_definitions", request))
    except AnswerUnreadable:
        known = _known_fields(api)
        if name not in known:
            raise
        return known[name]


def _call(endpoint: str, request: Callable[[], Any]) -> Any:
    """One request of the package under the retry policy; its JSON. Raises ``Refused`` for a 4xx that may be one."""
    return attempt(lambda: _call_once(endpoint, request))


def _call_once(endpoint: str, request: Callable[[], Any]) -> Any:
    try:
        response = request()
    except HTTPError as error:
        failure = problem(endpoint, error.status_code, dict(error.headers), error.body)
        raise failure or Refused(endpoint, error.status_code, error.body) from None
    except (OSError, HTTPException) as error:
        message = f"{endpoint}: no complete response ({type(error).__name__})"
        raise RetryLater(message) from None
    try:
        return json.loads(response.body or "{}")
    except ValueError:
        message = f"{endpoint}: the response is not JSON ({len(response.body)} bytes)"
        raise AnswerUnreadable(message) from None


def _errors(body: bytes) -> list[dict[str, Any]]:
    try:
        errors = json.loads(body).get("errors")
    except (ValueError, AttributeError):
        return []
    return [error for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []


def _rejected_rows(url: str) -> list[tuple[str, str]]:
    """The rows of an ``errors_url`` file: a CSV whose columns SendGrid doesn't document.

    Nothing if the link has expired. The address is in the column named so, else in the first; the message in one named
    so, else in the last.
    """
    try:
        text = Session().get(url).content.decode("utf-8-sig", errors="replace")
    except (AccessDenied, AnswerUnreadable):  # the link has expired
        return []
    rows = csv.reader(io.StringIO(text, newline=""))
    titles = [title.strip().lower() for title in next(rows, [])]
    address = next((place for place, title in enumerate(titles) if "email" in title), 0)
    words = ("error", "message", "reason")
    reason = next(
        (place for place, title in enumerate(titles) if any(word in title for word in words)), len(titles) - 1
    )
    whole = [row for row in rows if len(row) > max(address, reason)]
    return [(row[address].strip().lower(), row[reason].strip()) for row in whole]
