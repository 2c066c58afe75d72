"""The writing of Brevo through the ``brevo-python`` package: contacts and lists.

The package makes the small calls, without its retries, and its errors become ours. Two calls go to its address through
``web.Session`` instead: an import, whose contacts are bytes already, and the pages of a list, which the package would
turn into objects. No call tells who is blocked or not, so none can lift a suppression.

An import needs a list. One that joins none goes to ``UNLISTED``, which is emptied at every sign-in.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import orjson
from brevo import Brevo as Client

from lifecycle.destinations import Outcome, RemoteContact
from lifecycle.destinations.brevo.account import UNLISTED, prepare_attributes, prepare_lists
from lifecycle.destinations.brevo.calls import REMOVING, answer_part, call
from lifecycle.errors import AccessDenied, AnswerUnreadable, LifecycleError, RowRejected
from lifecycle.settings import Connection, FieldType
from lifecycle.web import Refused, Session, document, if_found

ADDRESS = "https://api.brevo.com"
TIMEOUT = 60.0
STATUSES: dict[str, Any] = {
    **dict.fromkeys(("queued", "in_process", "processing"), "pending"),
    **dict.fromkeys(("failed", "cancelled"), "failed"),
    "completed": "completed",
}
CONTACT_PAGE = 500
MOST_TEXT = 1000
ABOUT_ROWS = re.compile(r"e-?mail|size|larger|10 ?MB", re.IGNORECASE)
BAD_REQUEST, TOO_LARGE = 400, 413
IMPORT = {"updateExistingContacts": True, "emptyContactsAttributes": True, "disableNotification": True}
IMPORTING = "POST /v3/contacts/import"


@dataclass(frozen=True, slots=True)
class Brevo:
    """A Brevo account with the lists and attributes that we need; ``attributes`` is our name → name and type there."""

    api: Any = field(repr=False)
    processes: Any = field(repr=False)
    session: Session = field(repr=False)
    writer: Session = field(repr=False)
    address: str
    list_ids: Mapping[str, int]
    attributes: Mapping[str, tuple[str, str]]
    name: str = "brevo"
    max_batch_size: int = 50_000
    max_batch_bytes: int = 8_000_000
    max_removals: int = 150
    max_concurrency: int = 2
    max_poll_seconds: float = 60.0

    def encoded(self, email: str, fields: Mapping[str, Any]) -> bytes:
        """``attributes`` by their names there, emptied by an empty text; one that is gone there is empty already."""
        attributes: dict[str, Any] = {}
        for name, value in fields.items():
            if value is not None:
                attributes[self.attributes[name][0]] = value[:MOST_TEXT] if isinstance(value, str) else value
            elif name in self.attributes:
                attributes[self.attributes[name][0]] = ""
        return orjson.dumps({"email": email, "attributes": attributes})

    def upsert(self, contacts: Sequence[bytes], lists: Iterable[str]) -> str:
        """``POST /v3/contacts/import``; raises ``RowRejected``, which names no row, if the contacts are refused."""
        list_ids = [self.list_ids[name] for name in lists] or [self.list_ids[UNLISTED]]
        head = orjson.dumps({**IMPORT, "listIds": list_ids, "jsonBody": []})[:-2]
        body = b"".join((head, b",".join(contacts), b"]}"))
        headers = {"Content-Type": "application/json"}
        try:
            answer = document(self.writer.post(f"{self.address}/contacts/import", data=body, headers=headers))
        except Refused as refusal:
            raise _refused_rows(refusal, len(contacts)) from None
        return str(answer_part(answer, "processId", int))

    def outcome(self, job: str) -> Outcome:
        """``GET /v3/processes/{id}``, with the addresses that its file names as invalid."""
        endpoint = "GET /v3/processes/{id}"
        answer = if_found(lambda: call(endpoint, partial(self.processes.get_process, int(job))))
        if answer is None:
            return Outcome("unknown")
        status = answer_part(answer, "status", str)
        if status not in STATUSES:
            message = f"{endpoint}: unknown status"
            raise AnswerUnreadable(message)
        invalid = str(((answer.get("info") or {}).get("import") or {}).get("invalid_emails") or 0)
        if invalid.isdigit():  # in some versions of the contract a number, in others a link
            return Outcome(STATUSES[status], (), int(invalid))
        rejected = _rejected_rows(invalid)
        return Outcome(STATUSES[status], rejected, max(len(rejected), 1))

    def remove(self, list_name: str, emails: Sequence[str]) -> None:
        """``POST /v3/contacts/lists/{id}/contacts/remove``, done at once; refused if none of them is on the list."""
        list_id = self.list_ids.get(list_name)
        if list_id is None or not emails:
            return
        request = partial(self.api.remove_contact_from_list, list_id, request={"emails": list(emails)})
        try:
            answer = if_found(lambda: call(REMOVING, request))
        except Refused as refusal:
            if refusal.status != BAD_REQUEST or self.members_among(list_name, emails):
                raise
        else:
            if answer is not None:
                answer_part(answer, "contacts")

    def members_among(self, list_name: str, emails: Sequence[str]) -> set[str]:
        """By the list's pages or contact by contact, whichever takes fewer requests."""
        list_id, wanted = self.list_ids.get(list_name), {email.strip().lower() for email in emails}
        if list_id is None or not wanted:
            return set()
        _, count = self._page(list_id, 0, 1)
        if count > CONTACT_PAGE * len(wanted):
            return {email for email in wanted if list_id in self._lists_of(email)}
        return wanted & {held.email for held in self.contacts(list_name)} if count else set()

    def _lists_of(self, email: str) -> Sequence[int]:
        find = partial(self.api.get_contact_info, email, identifier_type="email_id")
        contact = if_found(lambda: call("GET /v3/contacts/{identifier}", find))
        list_ids: list[int] = [] if contact is None else answer_part(contact, "listIds", list)
        return list_ids

    def contacts(self, list_name: str) -> Iterator[RemoteContact]:
        """``GET /v3/contacts/lists/{id}/contacts``, page by page, also while people leave the list."""
        list_id, offset, before = self.list_ids.get(list_name), 0, 0
        seen: set[int] = set()
        while list_id is not None:
            page, count = self._page(list_id, offset, CONTACT_PAGE)
            gone, before = max(before - count, 0), count
            if gone and offset:  # who comes after them has moved up, past what was asked for
                offset = max(offset - gone, 0)
                continue
            for contact in page:
                number = answer_part(contact, "id", int)
                if number not in seen and contact.get("email"):
                    yield self._held(number, contact)
                seen.add(number)
            offset += len(page)
            if offset >= count:
                return
            if not page:
                message = "GET /v3/contacts/lists/{id}/contacts: a page before the last is empty"
                raise AnswerUnreadable(message)

    def _page(self, list_id: int, offset: int, limit: int) -> tuple[list[dict[str, Any]], int]:
        """Some contacts of a list, the oldest first, and how many it has; none if it was deleted there."""
        url = f"{self.address}/contacts/lists/{list_id}/contacts"
        where: dict[str, int | str] = {"limit": limit, "offset": offset, "sort": "asc"}
        answer = if_found(lambda: document(self.session.get(url, params=where)))
        return ([], 0) if answer is None else (answer_part(answer, "contacts", list), answer_part(answer, "count", int))

    def _held(self, number: int, contact: Mapping[str, Any]) -> RemoteContact:
        attributes = answer_part(contact, "attributes", dict)
        fields = {
            name: _read(attributes[there], kind)
            for name, (there, kind) in self.attributes.items()
            if attributes.get(there) not in (None, "")
        }
        return RemoteContact(str(number), str(contact["email"]).strip().lower(), fields)


def _read(value: Any, kind: str) -> Any:
    """An attribute's value as it was passed to ``encoded``."""
    if kind == "date":
        return str(value)[:10]
    return float(value) if kind == "float" and isinstance(value, str) else value


def _refused_rows(refusal: Refused, count: int) -> LifecycleError:
    """What a refused import means: its rows or its size, of which no row is named, or the request itself."""
    try:
        why = str(orjson.loads(refusal.body)["message"])
    except (ValueError, TypeError, KeyError):
        why = ""
    if refusal.status not in {BAD_REQUEST, TOO_LARGE} or not ABOUT_ROWS.search(why):
        return AnswerUnreadable(f"{IMPORTING}: {refusal.status}, a list or the request itself is refused")
    return RowRejected(f"{IMPORTING}: {refusal.status}, {count} row(s) refused", {0: why} if count == 1 else {})


def connect(connection: Connection, lists: Iterable[str], fields: Mapping[str, FieldType]) -> Brevo:
    """Sign in, and make the folder, the lists and the attributes that are not there yet.

    Raises ``SettingsInvalid`` if an attribute of that name has another type there.
    """
    address, key = f"{connection.base_url(ADDRESS)}/v3", connection.password
    session, writer = _session(key), _session(key, attempts=1)
    client = Client(
        base_url=address,
        api_key=key,
        timeout=TIMEOUT,
        max_retries=0,
        follow_redirects=False,
        client_id=None,
        client_secret=None,
    )
    api = client.contacts.with_raw_response
    list_ids = prepare_lists(api, lists)
    attributes = prepare_attributes(api, fields)
    return Brevo(api, client.process.with_raw_response, session, writer, address, list_ids, attributes)


def missing_rights(connection: Connection) -> list[str]:
    """Nothing: a key of Brevo's may do all that its account may; a key that is refused raises ``AccessDenied``."""
    _session(connection.password).get(f"{connection.base_url(ADDRESS)}/v3/account")
    return []


def _session(key: str, attempts: int | None = None) -> Session:
    session = Session(attempts)
    session.headers["api-key"] = key
    session.max_redirects = 0  # the key would go along
    return session


def _rejected_rows(url: str) -> list[tuple[str, str]]:
    """The addresses in the file of an import's invalid ones, whose form Brevo doesn't document; none if it is gone."""
    try:
        text = Session().get(url).content.decode("utf-8-sig", errors="replace")
    except (AccessDenied, AnswerUnreadable):
        return []
    rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=";" if ";" in text else ",") if row]
    titles = [title.strip().lower() for title in rows[0]] if rows else []
    place = next((n for n, title in enumerate(titles) if "mail" in title and "@" not in title), None)
    addresses = [row[place or 0].strip().lower() for row in rows[place is not None :] if len(row) > (place or 0)]
    return [(address, "the address is invalid") for address in addresses]
