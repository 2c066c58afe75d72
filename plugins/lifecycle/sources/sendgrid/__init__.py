"""SendGrid Marketing Campaigns, v3.

| module | reads |
|---|---|
| this one | contacts and the opt-in lists, by the export: the only complete reading of them |
| `suppressions` | who is not to be sent to |
| `activity`, `events` | what became of messages: the paid API, and the event webhook's files |
| `campaigns` | what was sent |
"""

import csv
import gzip
import io
import logging
import time
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import partial

from lifecycle.errors import AccessDenied, AnswerUnreadable, RetryLater
from lifecycle.settings import Connection, Esp
from lifecycle.sources import Document, Pages, Stream, identity, moment
from lifecycle.sources.sendgrid import activity, campaigns, events, suppressions
from lifecycle.web import Session, document, parsed, part

ADDRESS = "https://api.sendgrid.com"
SUPPRESSIONS = ("bounces", "blocks", "spam_reports", "unsubscribes", "invalid_emails")
#: The streams without which nobody knows whom not to contact.
SUPPRESSION_STREAMS = (*SUPPRESSIONS, "group_suppressions")
PAGE_SIZE = 500
LISTING_PAGE = 100
STATISTICS_PAGE = 50
MOST_MESSAGES = 1000
EXPORT_PAGE = 5000
EVENT_PAGE = 5000
EXPORT_PATIENCE = timedelta(minutes=30)

log = logging.getLogger(__name__)


def streams(esp: Esp, connection: Connection, run_date: date) -> list[Stream]:
    """What SendGrid has to tell."""
    session, address = sign_in(connection)
    activity_streams = [_activity(session, address, esp, run_date)] if esp.message_activity else []
    return [
        *_people(session, address, esp.opt_in_lists),
        *_suppressions(session, address),
        *activity_streams,
        Stream(
            "events",
            key=lambda item: identity(item, "sg_event_id"),
            changed_at=lambda item: _epoch(item.get("timestamp")),
            parts=partial(events.parts, esp.event_files, EVENT_PAGE, connection.extra.get("event_files")),
            right="to list and to read the files of esp.event_files",
        ),
        *(_campaigns(session, address) if esp.campaigns else []),
        _groups(session, address),
    ]


def _people(session: Session, address: str, opt_in_lists: list[str]) -> list[Stream]:
    contacts = partial(_contacts, session, address)
    members = partial(_list_members, session, address, opt_in_lists)
    right = "marketing.read"
    probe = _needs(session, address, right)
    return [
        Stream(
            "contacts",
            key=lambda item: identity(item, "contact_id"),
            changed_at=_updated_at,
            pages=contacts,
            listing=contacts,
            right=right,
            probe=probe,
        ),
        Stream(
            "list_members",
            key=lambda item: identity(item, "list_id", "contact_id"),
            changed_at=_updated_at,
            pages=members,
            listing=members,
            right=right,
            probe=probe,
        ),
    ]


def _suppressions(session: Session, address: str) -> list[Stream]:
    def of_a_kind(kind: str) -> Stream:
        pages = partial(suppressions.of_a_kind, session, f"{address}/v3/suppression/{kind}", PAGE_SIZE)
        return Stream(
            kind,
            key=lambda item: identity(item, "email", "created").lower(),
            changed_at=lambda item: _epoch(item.get("created")),
            pages=pages,
            overlap=timedelta(days=2),
            listing=pages,
            right="suppression.read",
            probe=_needs(session, address, "suppression.read"),
        )

    of_groups = partial(suppressions.of_groups, session, address)
    return [
        *map(of_a_kind, SUPPRESSIONS),
        Stream(
            "group_suppressions",
            key=lambda item: identity(item, "group_id", "email").lower(),
            changed_at=lambda item: _epoch(item.get("created_at")),
            pages=of_groups,
            listing=of_groups,
            right="asm.groups.suppressions.read",
            probe=_needs(session, address, "asm.groups.suppressions.read"),
        ),
    ]


def _activity(session: Session, address: str, esp: Esp, run_date: date) -> Stream:
    earliest = datetime(run_date.year, run_date.month, run_date.day, tzinfo=UTC) - timedelta(days=esp.activity_days)
    return Stream(
        "messages",
        key=lambda item: identity(item, "msg_id"),
        changed_at=lambda item: moment(item.get("last_event_time")),
        pages=partial(activity.messages, session, f"{address}/v3/messages", MOST_MESSAGES, earliest),
        overlap=timedelta(days=3),
        right="Email Activity, with the add-on of that name",
    )


def _campaigns(session: Session, address: str) -> list[Stream]:
    marketing = f"{address}/v3/marketing"

    def listing(name: str, path: str, documents: str, page_size: int) -> Stream:
        pages = partial(campaigns.paged, session, f"{marketing}/{path}", documents, page_size)
        return Stream(
            name,
            key=lambda item: identity(item, "id"),
            changed_at=_updated_at,
            pages=pages,
            listing=pages,
            right="marketing.read",
            probe=_needs(session, address, "marketing.read"),
        )

    return [
        listing("single_sends", "singlesends", "result", LISTING_PAGE),
        listing("single_send_stats", "stats/singlesends", "results", STATISTICS_PAGE),
        listing("automation_stats", "stats/automations", "results", STATISTICS_PAGE),
    ]


def _groups(session: Session, address: str) -> Stream:
    groups = partial(campaigns.groups, session, address)
    return Stream(
        "unsubscribe_groups",
        key=lambda item: identity(item, "id"),
        changed_at=lambda _: None,
        pages=groups,
        listing=groups,
        right="asm.groups.read",
        probe=_needs(session, address, "asm.groups.read"),
    )


def sign_in(connection: Connection, attempts: int | None = None) -> tuple[Session, str]:
    """A session that carries the API key, and the address to use it at."""
    session = Session(attempts)
    session.headers["Authorization"] = f"Bearer {connection.password}"
    return session, connection.base_url(ADDRESS)


def scopes(session: Session, address: str) -> set[str]:
    """What the API key may do, in SendGrid's words."""
    return set(part(document(session.get(f"{address}/v3/scopes")), "scopes", list))


def _needs(session: Session, address: str, scope: str) -> Callable[[], None]:
    """A check that the API key has a scope; it raises ``AccessDenied`` with the scope's name."""

    def probe() -> None:
        if scope not in scopes(session, address):
            message = f"the API key has no scope {scope}"
            raise AccessDenied(message)

    return probe


def lists(session: Session, address: str) -> dict[str, str]:
    """Name → id of every list."""
    pages = campaigns.paged(session, f"{address}/v3/marketing/lists", "result", 1000)
    return {item["name"]: item["id"] for page in pages for item in page}


def export(session: Session, address: str, list_id: str | None = None) -> Iterator[Document]:
    """Every contact, or every contact of one list, by SendGrid's asynchronous export.

    Keys are lower case and the contact's id is ``contact_id``, whatever the file's format.
    """
    order = {"file_type": "json", **({"list_ids": [list_id]} if list_id else {})}
    job = part(document(session.post(f"{address}/v3/marketing/contacts/exports", json=order)), "id", str)
    downloads = Session()  # signed links on another host: the API key must not go there
    for url in _exported_files(session, f"{address}/v3/marketing/contacts/exports/{job}"):
        for row in _rows(downloads.get(url).content):
            contact = {str(key).lower(): value for key, value in row.items()}
            contact["contact_id"] = contact.pop("id", None) or contact.get("contact_id")
            if not contact["contact_id"]:
                message = "an exported contact has no contact_id"
                raise AnswerUnreadable(message)
            yield contact


def _exported_files(session: Session, url: str) -> list[str]:
    """Wait for the export to be ready; raises ``RetryLater`` if it fails or takes too long."""
    until, pause = time.monotonic() + EXPORT_PATIENCE.total_seconds(), 0.1
    while time.monotonic() < until:
        answer = document(session.get(url))
        status = part(answer, "status", str)
        if status == "ready":
            return list(answer.get("urls") or [])
        if status != "pending":
            message = f"the contact export ended as '{status}'"
            raise RetryLater(message)
        time.sleep(pause)
        pause = min(pause * 2, 10)
    message = f"the contact export is still pending after {EXPORT_PATIENCE}"
    raise RetryLater(message)


def _rows(content: bytes) -> Iterator[Document]:
    """The rows of an exported file: JSON lines, a JSON list, or CSV with a header; packed or plain."""
    try:
        text = (gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content).decode("utf-8-sig")
        if text.startswith("["):
            yield from parsed(text)
        elif text.startswith("{"):
            yield from (parsed(line) for line in text.split("\n") if line.strip())
        elif text:
            yield from _csv_rows(text)
    except (ValueError, OSError, EOFError, zlib.error, csv.Error):
        message = "the contact export is no whole file of JSON or CSV"
        raise AnswerUnreadable(message) from None


def _csv_rows(text: str) -> Iterator[Document]:
    rows = csv.DictReader(io.StringIO(text, newline=""))
    if "contact_id" not in {name.lower() for name in rows.fieldnames or ()}:
        message = "no header of an export"
        raise ValueError(message)
    yield from rows


def _contacts(session: Session, address: str, _: datetime | None = None) -> Pages:
    yield from _in_pages(export(session, address))


def _list_members(session: Session, address: str, names: list[str], _: datetime | None = None) -> Pages:
    """The members of the opt-in lists; a list that is not there yet has none, which is said aloud."""
    known = lists(session, address) if names else {}
    for name in names:
        if name not in known:
            log.warning("opt-in list %r is not at the provider; nobody counts as opted in by it", name)
            continue
        about = {"list_id": known[name], "list_name": name}
        yield from _in_pages({**about, **contact} for contact in export(session, address, known[name]))


def _in_pages(contacts: Iterator[Document]) -> Pages:
    page = list[Document]()
    for contact in contacts:
        page.append(contact)
        if len(page) == EXPORT_PAGE:
            yield page
            page = []
    yield page


def _epoch(stated: object) -> datetime | None:
    try:
        return datetime.fromtimestamp(stated, UTC) if isinstance(stated, int | float) else None
    except (ValueError, OverflowError, OSError):
        return None


def _updated_at(contact: Document) -> datetime | None:
    return moment(contact.get("updated_at") or contact.get("created_at"))
