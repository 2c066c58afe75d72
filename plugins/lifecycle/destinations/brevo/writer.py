"""The writing of Brevo through the ``brevo-python`` package: contacts and lists.

The package makes the small calls, without its retries, and its errors become ours. Two calls go to its address through
``web.Session`` instead: an import, whose contacts are bytes already, and the pages of contacts, which the package would
turn into objects. No call tells who is blocked or not, so none can lift a suppression.

An import needs a list. One that joins none goes to ``UNLISTED``, which is emptied at every sign-in.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

import orjson
from brevo import Brevo as Client

from lifecycle.addresses import normalize_email
from lifecycle.destinations import Account, Outcome, RemoteContact, Removal, values
from lifecycle.destinations.brevo import account, refusals
from lifecycle.destinations.brevo.calls import LIMITS, REMOVING, SpacedClient, answer_part, call
from lifecycle.destinations.brevo.processes import PENDING, Processes
from lifecycle.errors import AnswerUnreadable
from lifecycle.settings import Connection, FieldType
from lifecycle.web import Quotas, Refused, Session, document, if_found

ADDRESS = "https://api.brevo.com"
TIMEOUT = 60.0
STATUSES: dict[str, Any] = {
    **dict.fromkeys(PENDING, "pending"),
    **dict.fromkeys(("failed", "cancelled"), "failed"),
    "completed": "completed",
}
CONTACT_PAGE = 500
IMPORT = {"updateExistingContacts": True, "emptyContactsAttributes": True, "disableNotification": True}

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Brevo:
    """A Brevo account with the lists and attributes that we need; ``attributes`` by our names in lower case."""

    api: Any = field(repr=False)
    processes: Processes = field(repr=False)
    session: Session = field(repr=False)
    writer: Session = field(repr=False)
    address: str
    list_ids: Mapping[str, str]
    attributes: Mapping[str, account.Attribute]
    unsaid: Counter[str] = field(default_factory=Counter, repr=False)
    name: str = "brevo"
    max_batch_size: int = 50_000
    max_batch_bytes: int = 8_000_000
    max_removals: int = 150
    max_concurrency: int = 2
    max_poll_seconds: float = 60.0

    @property
    def field_ids(self) -> Mapping[str, str]:
        """Name in lower case → name there of every attribute that we know."""
        return {name: attribute.there for name, attribute in self.attributes.items()}

    def encoded(self, email: str, fields: Mapping[str, Any]) -> bytes:
        """``attributes`` by their names there, emptied by an empty text; one that is gone there is empty already."""
        attributes: dict[str, Any] = {}
        for name, value in fields.items():
            if item := self._attribute(name, value):
                written = "" if value is None else values.in_type(item.kind, value)
                if written is None:
                    self.unsaid[name] += 1
                else:
                    attributes[item.there] = written
        return orjson.dumps({"email": email, "attributes": attributes})

    def _attribute(self, name: str, value: object) -> account.Attribute | None:
        if value is None or name in account.RESERVED:  # what greets needs no attribute
            return self.attributes.get(name.lower())
        return self.attributes[name.lower()]

    def upsert(self, contacts: Sequence[bytes], lists: Iterable[str]) -> str:
        """``POST /v3/contacts/import``; raises ``RowRejected``, which names no row, if the contacts are refused."""
        values.report(self.unsaid, log)
        list_ids = [int(self.list_ids[name]) for name in lists] or [int(self.list_ids[account.UNLISTED])]
        head = orjson.dumps({**IMPORT, "listIds": list_ids, "jsonBody": []})[:-2]
        body = b"".join((head, b",".join(contacts), b"]}"))
        headers = {"Content-Type": "application/json"}
        try:
            answer = document(self.writer.post(f"{self.address}/contacts/import", data=body, headers=headers))
        except Refused as refusal:
            raise refusals.refused_import(refusal, len(contacts)) from None
        number = answer_part(answer, "processId", int)
        self.processes.begin(number)
        return str(number)

    def outcome(self, job: str) -> Outcome:
        """How the import stands, with the addresses that its file names as invalid."""
        answer = self.processes.process(int(job))
        if answer is None:
            return Outcome("unknown")
        status = answer_part(answer, "status", str)
        if status not in STATUSES:
            message = "GET /v3/processes/{id}: unknown status"
            raise AnswerUnreadable(message)
        invalid = str(((answer.get("info") or {}).get("import") or {}).get("invalid_emails") or 0)
        if invalid.isdigit():  # in some versions of the contract a number, in others a link
            return Outcome(STATUSES[status], (), int(invalid))
        rejected = refusals.rejected_rows(invalid)
        return Outcome(STATUSES[status], rejected, max(len(rejected), 1))

    def blames_account(self, reason: str) -> bool:
        """Whether Brevo speaks of the account."""
        return refusals.blames_account(reason)

    def remove(self, list_name: str, emails: Sequence[str]) -> Removal:
        """By address, done at once; who is not on the list by Brevo's answer, but by the list is, is not found."""
        failed = self._removed(list_name, "emails", emails)
        return Removal(None, frozenset(self.members_among(list_name, failed)))

    def remove_by_id(self, list_name: str, contact_ids: Sequence[str]) -> None:
        """By id, done at once."""
        self._removed(list_name, "ids", [int(key) for key in contact_ids])

    def _removed(self, list_name: str, kind: str, keys: Sequence[Any]) -> list[str]:
        """``POST /v3/contacts/lists/{id}/contacts/remove``; those that it could not take off, or has not on it."""
        list_id = self.list_ids.get(list_name)
        if list_id is None or not keys:
            return []
        request = partial(self.api.remove_contact_from_list, int(list_id), request={kind: [*keys]})
        try:
            answer = if_found(lambda: call(REMOVING, request))
        except Refused as refusal:  # it refuses where none of them is on the list
            if refusal.status != refusals.BAD_REQUEST or refusals.blames_account(str(refusal.body)):
                raise
            return [str(key) for key in keys]
        failure = None if answer is None else answer_part(answer, "contacts").get("failure")
        return [str(key) for key in failure or ()]

    def members_among(self, list_name: str, emails: Sequence[str]) -> set[str]:
        """By the list's pages or contact by contact, whichever takes fewer requests."""
        list_id, wanted = self.list_ids.get(list_name), {*map(normalize_email, emails)}
        if list_id is None or not wanted:
            return set()
        _, count = self._page(list_id, 0, 1)
        if count > CONTACT_PAGE * len(wanted):
            return {email for email in wanted if int(list_id) in self._lists_of(email)}
        return wanted & {held.email for held in self.contacts(list_name)} if count else set()

    def _lists_of(self, email: str) -> Sequence[int]:
        find = partial(self.api.get_contact_info, email, identifier_type="email_id")
        contact = if_found(lambda: call("GET /v3/contacts/{identifier}", find))
        list_ids: list[int] = [] if contact is None else answer_part(contact, "listIds", list)
        return list_ids

    def contacts(self, list_name: str) -> Iterator[RemoteContact]:
        """``GET /v3/contacts/lists/{id}/contacts``, page by page, also while people leave the list."""
        list_id, offset, before, unaddressed = self.list_ids.get(list_name), 0, 0, 0
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
                    yield self._shown(number, contact)
                unaddressed += number not in seen and not contact.get("email")
                seen.add(number)
            offset += len(page)
            if offset >= count:
                break
            if not page:
                message = "GET /v3/contacts/lists/{id}/contacts: a page before the last is empty"
                raise AnswerUnreadable(message)
        if unaddressed:
            log.warning("list %r: contacts without an e-mail address, passed over: %d", list_name, unaddressed)

    def _page(self, list_id: str, offset: int, limit: int) -> tuple[list[dict[str, Any]], int]:
        """Some contacts of a list, the oldest first, and how many it has; none if it was deleted there."""
        url = f"{self.address}/contacts/lists/{list_id}/contacts"
        where: dict[str, int | str] = {"limit": limit, "offset": offset, "sort": "asc"}
        answer = if_found(lambda: document(self.session.get(url, params=where)))
        return ([], 0) if answer is None else (answer_part(answer, "contacts", list), answer_part(answer, "count", int))

    def _shown(self, number: int, contact: Mapping[str, Any]) -> RemoteContact:
        attributes = answer_part(contact, "attributes", dict)
        held = [(item, attributes.get(item.there)) for item in self.attributes.values()]
        shown = {
            item.name: values.in_type(item.our_kind, values.in_type(item.kind, value))
            for item, value in held
            if value not in (None, "")
        }
        return RemoteContact(str(number), normalize_email(str(contact["email"])), values.without_empty(shown))

    def account(self) -> Account:
        """``GET /v3/account``, the lists and the attributes."""
        fields = {name: there for name, (there, _) in account.known_attributes(self.api).items()}
        return Account(account.identity(self.session, self.address), account.known_lists(self.api), fields)

    def suppressed_since(self, moment: datetime) -> Iterator[str]:
        """``GET /v3/contacts``: who has changed since then and is blocked for e-mail."""
        since, seen = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z"), 0
        while True:
            where: dict[str, int | str] = {
                "modifiedSince": since,
                "limit": CONTACT_PAGE,
                "offset": seen,
                "sort": "asc",
            }
            page = answer_part(document(self.session.get(f"{self.address}/contacts", params=where)), "contacts", list)
            blocked = (each for each in page if each.get("emailBlacklisted") and each.get("email"))
            yield from (normalize_email(each["email"]) for each in blocked)
            seen += len(page)
            if not page:
                return


def connect(
    connection: Connection,
    lists: Iterable[str],
    fields: Mapping[str, FieldType],
    known_lists: Mapping[str, str] | None = None,
) -> Brevo:
    """Sign in, and make the folder, the lists and the attributes that are not there yet.

    Raises ``SettingsInvalid`` if an attribute of that name has another type there.
    """
    address, key = f"{connection.base_url(ADDRESS)}/v3", connection.password
    quotas = Quotas(f"{address} {key}", LIMITS)
    session, writer = _session(key, quotas), _session(key, quotas, attempts=1)
    client = Client(
        base_url=address,
        api_key=key,
        max_retries=0,
        httpx_client=SpacedClient(quotas, timeout=TIMEOUT, follow_redirects=False),
        client_id=None,
        client_secret=None,
    )
    api = client.contacts.with_raw_response
    list_ids = account.prepare_lists(api, lists, known_lists or {})
    attributes = account.prepare_attributes(api, fields)
    return Brevo(api, Processes(client.process.with_raw_response), session, writer, address, list_ids, attributes)


def missing_rights(connection: Connection) -> list[str]:
    """Nothing: a key of Brevo's may do all that its account may; a key that is refused raises ``AccessDenied``."""
    address, key = connection.base_url(ADDRESS), connection.password
    _session(key, Quotas(f"{address}/v3 {key}", LIMITS)).get(f"{address}/v3/account")
    return []


def _session(key: str, quotas: Quotas, attempts: int | None = None) -> Session:
    session = Session(attempts, quotas)
    session.headers["api-key"] = key
    session.max_redirects = 0  # the key would go along
    return session
