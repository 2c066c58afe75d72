"""The writing of SendGrid through the ``sendgrid`` package.

The package knows the addresses of the API; time-outs, retries and errors are ``web.py``'s. Batches of contacts go by
our own session, because they are encoded already and the package would do it again. Upserts only add to lists and run
as jobs; leaving a list needs the contact's id, which a search by address gives.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

import orjson
from sendgrid import SendGridAPIClient

from lifecycle.addresses import normalize_email, written_forms
from lifecycle.destinations import Account, Outcome, RemoteContact, Removal, values
from lifecycle.destinations.sendgrid import account, refusals
from lifecycle.destinations.sendgrid.calls import answer_part, call
from lifecycle.errors import AccessDenied, AnswerUnreadable, RetryLater
from lifecycle.settings import Connection, FieldType
from lifecycle.sources.sendgrid import api as reading
from lifecycle.sources.sendgrid import suppressions
from lifecycle.web import NOT_FOUND, Refused, Session, document, if_found

TIMEOUT = 60.0
#: ``search/emails`` refuses a longer address, and with it all others (twilio/sendgrid-oai#7).
LONGEST_SEARCHED = 100
SUPPRESSIONS = ("bounces", "blocks", "spam_reports", "unsubscribes", "invalid_emails")
SUPPRESSION_PAGE = 500
#: How often a batch is sent again because a field that was just made is not known there yet.
MOST_WAITS = 4
#: What a region has to have.
NEEDED = ("contacts", "lists", "custom fields")
SEARCH = "POST /v3/marketing/contacts/search/emails"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SendGrid:
    """A SendGrid account with the lists and custom fields that we need; ``fields`` by their names in lower case."""

    api: Any = field(repr=False)
    session: Session = field(repr=False)
    writer: Session = field(repr=False)
    address: str
    list_ids: Mapping[str, str]
    fields: Mapping[str, account.CustomField]
    places: Mapping[str, account.Place] = field(repr=False)
    late_fields: frozenset[str]
    waits: Counter[object] = field(default_factory=Counter, repr=False)
    unsaid: Counter[str] = field(default_factory=Counter, repr=False)
    name: str = "sendgrid"
    max_batch_size: int = 30_000
    max_batch_bytes: int = 6_000_000
    max_removals: int = 100
    max_concurrency: int = 3
    max_poll_seconds: float = 10.0

    @property
    def field_ids(self) -> Mapping[str, str]:
        """Name in lower case → id there of every custom field that we know."""
        return {name: item.id for name, item in self.fields.items()}

    def encoded(self, email: str, fields: Mapping[str, Any]) -> bytes:
        """Reserved fields beside the address, ``custom_fields`` by id; a field that is gone there is empty already."""
        contact: dict[str, Any] = {"email": email}
        custom: dict[str, Any] = {}
        for name, value in fields.items():
            place = self.places.get(name) or self._place(name, value)
            if place:
                written = place.empty if value is None else place.write(value)
                if written is not None:
                    (custom if place.is_custom else contact)[place.key] = written
                elif value is not None:
                    self.unsaid[name] += 1
        return orjson.dumps({**contact, "custom_fields": custom} if custom else contact)

    def _place(self, name: str, value: object) -> account.Place | None:
        if value is None or name in account.CUSTOM_NAMES:  # what greets needs no field
            return self.places.get(name.lower())
        return self.places[name.lower()]

    def upsert(self, contacts: Sequence[bytes], lists: Iterable[str]) -> str:
        """``PUT /v3/marketing/contacts``; raises ``RowRejected`` with the rows that a 400 names."""
        values.report(self.unsaid, log)
        list_ids = orjson.dumps([self.list_ids[name] for name in lists])
        body = b'{"list_ids":' + list_ids + b',"contacts":[' + b",".join(contacts) + b"]}"
        headers = {"Content-Type": "application/json"}
        try:
            answer = self.writer.put(
                f"{self.address}/v3/marketing/contacts", data=body, headers=headers, timeout=TIMEOUT
            )
        except Refused as refusal:
            ours = {item.id for item in self.fields.values()} - self.late_fields
            raise refusals.refused_batch(refusal, ours, self._waits_for(hash(body), MOST_WAITS)) from None
        return str(answer_part(document(answer), "job_id"))

    def _waits_for(self, what: object, most: int) -> frozenset[str]:
        """The fields that SendGrid may not know yet, until a batch or a row has waited for them ``most`` times."""
        self.waits[what] += 1
        return self.late_fields if self.waits[what] <= most else frozenset()

    def outcome(self, job: str) -> Outcome:
        """``GET /v3/marketing/contacts/imports/{id}``, with the refused rows from ``errors_url``."""
        endpoint = "GET /v3/marketing/contacts/imports/{id}"
        answer = if_found(lambda: call(endpoint, self.api.marketing.contacts.imports._(job).get))
        if answer is None:
            return Outcome("unknown")
        status, results = str(answer_part(answer, "status")), answer.get("results") or {}
        count, errors_url = int(results.get("errored_count") or 0), results.get("errors_url")
        rejected = self._refused(refusals.rejected_rows(errors_url) if count and errors_url else [])
        if status in {"completed", "errored"}:
            return Outcome("completed", rejected, count)
        if status in {"pending", "failed"}:
            return Outcome("pending" if status == "pending" else "failed", rejected, count)
        message = f"{endpoint}: unknown status {status!r}"
        raise AnswerUnreadable(message)

    def _refused(self, rows: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
        """The rows at fault: not those whose field was deleted, or was made a moment ago, unless it is so once more."""
        ours = {item.id for item in self.fields.values()}
        rejected = []
        for email, reason in rows:
            if refusals.names_unknown(reason, self.late_fields):
                is_late = refusals.names_unknown(reason, self._waits_for(email, 1))
            else:
                is_late = refusals.names_unknown(reason, ours)
            if not is_late:
                rejected.append((email, reason))
        return rejected

    def blames_account(self, reason: str) -> bool:
        """Whether SendGrid speaks of the account."""
        return refusals.blames_account(reason)

    def remove(self, list_name: str, emails: Sequence[str]) -> Removal:
        """Resolve the ids of those on the list, and take them off it."""
        members, not_found = self._on_list(list_name, emails)
        return Removal(self.remove_by_id(list_name, [*members]), not_found)

    def remove_by_id(self, list_name: str, contact_ids: Sequence[str]) -> str | None:
        """``DELETE /v3/marketing/lists/{id}/contacts``; if it doesn't know somebody, again without who is gone."""
        list_id, place = self.list_ids.get(list_name), "/v3/marketing/lists/{id}/contacts"
        if list_id is None or not contact_ids:
            return None
        a_list, contacts = self.api.marketing.lists._(list_id), self.api.marketing.contacts
        request = partial(a_list.contacts.delete, query_params={"contact_ids": ",".join(contact_ids)})
        answer = if_found(lambda: call(f"DELETE {place}", request))
        if answer is not None:
            return str(answer_part(answer, "job_id"))
        if if_found(lambda: call("GET /v3/marketing/lists/{id}", a_list.get)) is None:
            return None
        known = [key for key in contact_ids if self._is_known(contacts._(key).get)]
        if len(known) == len(contact_ids):
            message = f"DELETE {place}: 404, but the list and the contacts are there"
            raise RetryLater(message)
        return self.remove_by_id(list_name, known)

    def _is_known(self, request: Callable[[], Any]) -> bool:
        return if_found(lambda: call("GET /v3/marketing/contacts/{id}", request)) is not None

    def members_among(self, list_name: str, emails: Sequence[str]) -> set[str]:
        """``POST /v3/marketing/contacts/search/emails``."""
        members, _ = self._on_list(list_name, emails)
        return set(members.values())

    def existing(self, emails: Sequence[str]) -> set[str]:
        """``POST /v3/marketing/contacts/search/emails``; an address that is too long for it counts as there."""
        searched = [email for email in emails if len(email) <= LONGEST_SEARCHED]
        too_long = {normalize_email(email) for email in emails if len(email) > LONGEST_SEARCHED}
        return too_long | {email for email, _ in self._searched(searched)}

    def _on_list(self, list_name: str, emails: Sequence[str]) -> tuple[dict[str, str], frozenset[str]]:
        """Contact id → address of those on the list, and the addresses of which the search says nothing.

        An address can have several contacts there, one for each form that it was written in.
        """
        list_id = self.list_ids.get(list_name)
        if list_id is None or not emails:
            return {}, frozenset()
        forms = [form for email in emails for form in written_forms(email) if len(form) <= LONGEST_SEARCHED]
        known = self._searched(forms)
        members = {who["id"]: email for email, who in known if list_id in who["list_ids"]}
        return members, frozenset(map(normalize_email, emails)) - {email for email, _ in known}

    def _searched(self, emails: Sequence[str]) -> list[tuple[str, Any]]:
        """Addresses and contacts of those whom the search knows; one that it refuses costs only itself."""
        middle = len(emails) // 2
        if len(emails) > self.max_removals:
            return self._searched(emails[:middle]) + self._searched(emails[middle:])
        if not emails:
            return []
        request = partial(self.api.marketing.contacts.search.emails.post, request_body={"emails": [*emails]})
        try:
            answer = if_found(lambda: call(SEARCH, request))
        except Refused as refusal:
            if refusal.status != refusals.BAD_REQUEST:
                raise
            return self._searched(emails[:middle]) + self._searched(emails[middle:]) if middle else []
        result = {} if answer is None else answer_part(answer, "result", dict)
        return [(normalize_email(email), item["contact"]) for email, item in result.items() if "contact" in item]

    def contacts(self, list_name: str) -> Iterator[RemoteContact]:
        """By the contact export of the list, which has the custom fields by name."""
        list_id, unaddressed = self.list_ids.get(list_name), 0
        for contact in self._exported(list_id) if list_id else ():
            if email := normalize_email(str(contact.get("email") or "")):
                yield RemoteContact(str(contact["contact_id"]), email, self._shown(contact))
            else:
                unaddressed += 1
        if unaddressed:
            log.warning("list %r: contacts without an e-mail address, passed over: %d", list_name, unaddressed)

    def _shown(self, contact: Mapping[str, Any]) -> dict[str, Any]:
        shown: dict[str, Any] = {}
        for key, value in {**contact, **(contact.get("custom_fields") or {})}.items():
            name = str(key).lower()
            if name in account.RESERVED:
                shown[name] = value
            elif (item := self.fields.get(name)) and value not in (None, ""):
                written = values.in_type(item.kind, value)
                shown[item.name] = values.in_type(item.our_kind, written)
        return values.without_empty(shown)

    def _exported(self, list_id: str) -> Iterator[Mapping[str, Any]]:
        try:
            yield from reading.export(self.session, self.address, list_id)
        except Refused as refusal:  # the list was deleted there
            if refusal.status != NOT_FOUND:
                raise

    def account(self) -> Account:
        """``GET /v3/user/username``, the lists and the custom fields."""
        fields = {name: str(answer_part(item, "id")) for name, item in account.known_fields(self.api).items()}
        return Account(
            account.identity(self.session, self.address), account.known_lists(self.session, self.address), fields
        )

    def suppressed_since(self, moment: datetime) -> Iterator[str]:
        """The five kinds of ``/v3/suppression`` since then, and every address of an unsubscribe group."""
        for kind in SUPPRESSIONS:
            url = f"{self.address}/v3/suppression/{kind}"
            for page in suppressions.of_a_kind(self.session, url, SUPPRESSION_PAGE, moment):
                yield from (normalize_email(answer_part(item, "email", str)) for item in page)
        for page in suppressions.of_groups(self.session, self.address):
            yield from (normalize_email(answer_part(item, "email", str)) for item in page)


def connect(
    connection: Connection,
    lists: Iterable[str],
    fields: Mapping[str, FieldType],
    known_lists: Mapping[str, str] | None = None,
) -> SendGrid:
    """Sign in, and make the lists and custom fields that are not there yet.

    Raises ``SettingsInvalid`` if a field of that name has another type there, and ``AccountRefused`` at a limit.
    """
    reading.check_region(connection, NEEDED)
    session, address = reading.sign_in(connection)
    client = SendGridAPIClient(api_key=connection.password, host=address)
    client.client.timeout = TIMEOUT
    api = client.client
    list_ids = account.prepare_lists(api, session, address, lists, known_lists or {})
    writer, _ = reading.sign_in(connection, attempts=1)
    custom, made = account.prepare_fields(api, fields)
    return SendGrid(api, session, writer, address, list_ids, custom, account.places(custom), made)


def missing_rights(connection: Connection) -> list[str]:
    """What the key may not do; nothing is changed: an upsert of nobody is refused, but only to who may write."""
    reading.check_region(connection, NEEDED)
    session, address = reading.sign_in(connection)
    reading.lists(session, address)
    try:
        session.put(f"{address}/v3/marketing/contacts", json={"contacts": []})
    except AccessDenied:
        return ["Marketing: full access"]
    except Refused as refusal:
        if refusal.status != refusals.BAD_REQUEST:
            raise
    return []
