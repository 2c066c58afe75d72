"""SendGrid Marketing Campaigns, v3: contacts, opt-in lists, suppressions of every kind, message activity.

Contacts come from the export, the only complete reading of them. Message activity has no paging: a time
window that answers with the most it can is split in two until it doesn't.
"""

import csv
import gzip
import io
import logging
import time
import zlib
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import partial
from urllib.parse import parse_qs, urlsplit

from lifecycle.errors import AnswerUnreadable, RetryLater
from lifecycle.settings import Connection, Esp
from lifecycle.sources import Document, Page, Stream, identity, moment
from lifecycle.web import Session, document, parsed, part

ADDRESS = "https://api.sendgrid.com"
SUPPRESSIONS = ("bounces", "blocks", "spam_reports", "unsubscribes", "invalid_emails")
#: The streams without which nobody knows whom not to contact.
SUPPRESSION_STREAMS = (*SUPPRESSIONS, "group_suppressions")
PAGE_SIZE = 500
MOST_READINGS = 10
MOST_MESSAGES = 1000
EXPORT_PAGE = 5000
EXPORT_PATIENCE = timedelta(minutes=30)

log = logging.getLogger(__name__)


def streams(esp: Esp, connection: Connection, run_date: date) -> list[Stream]:
    """What SendGrid has to tell."""
    session, address = sign_in(connection)
    suppressions = [
        Stream(
            kind,
            key=lambda item: identity(item, "email", "created").lower(),
            changed_at=lambda item: _epoch(item.get("created")),
            pages=partial(_suppressions, session, f"{address}/v3/suppression/{kind}"),
            overlap=timedelta(days=2),
        )
        for kind in SUPPRESSIONS
    ]
    activity = Stream(
        "messages",
        key=lambda item: identity(item, "msg_id"),
        changed_at=lambda item: moment(item.get("last_event_time")),
        pages=partial(_messages, session, address, _midnight(run_date) - timedelta(days=esp.activity_days)),
        overlap=timedelta(days=3),
    )
    return [
        Stream(
            "contacts",
            lambda item: identity(item, "contact_id"),
            _updated_at,
            partial(_contacts, session, address),
        ),
        Stream(
            "list_members",
            key=lambda item: identity(item, "list_id", "contact_id"),
            changed_at=_updated_at,
            pages=partial(_list_members, session, address, esp.opt_in_lists),
        ),
        *suppressions,
        Stream(
            "group_suppressions",
            key=lambda item: identity(item, "group_id", "email").lower(),
            changed_at=lambda item: _epoch(item.get("created_at")),
            pages=partial(_group_suppressions, session, address),
        ),
        *([activity] if esp.message_activity else []),
    ]


def sign_in(connection: Connection) -> tuple[Session, str]:
    """A session that carries the API key, and the address to use it at."""
    session = Session()
    session.headers["Authorization"] = f"Bearer {connection.password}"
    return session, connection.base_url(ADDRESS)


def lists(session: Session, address: str) -> dict[str, str]:
    """Name → id of every list."""
    found: dict[str, str] = {}
    token = ""
    while True:
        page = {"page_size": "1000", "page_token": token}
        answer = document(session.get(f"{address}/v3/marketing/lists", params=page))
        result = part(answer, "result", list)
        found |= {item["name"]: item["id"] for item in result}
        following = urlsplit((answer.get("_metadata") or {}).get("next") or "").query
        token = parse_qs(following).get("page_token", [""])[0]
        if not token or not result:
            return found


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


def _contacts(session: Session, address: str, _: datetime | None) -> Iterator[Page]:
    yield from _in_pages(export(session, address))


def _list_members(session: Session, address: str, names: list[str], _: datetime | None) -> Iterator[Page]:
    """The members of the opt-in lists; a list that is not there yet has none, which is said aloud."""
    known = lists(session, address) if names else {}
    for name in names:
        if name not in known:
            log.warning("opt-in list %r is not at the provider; nobody counts as opted in by it", name)
            continue
        about = {"list_id": known[name], "list_name": name}
        yield from _in_pages({**about, **contact} for contact in export(session, address, known[name]))


def _in_pages(contacts: Iterator[Document]) -> Iterator[Page]:
    page: Page = []
    for contact in contacts:
        page.append(contact)
        if len(page) == EXPORT_PAGE:
            yield page
            page = []
    yield page


def _suppressions(session: Session, url: str, since: datetime | None) -> Iterator[Page]:
    """Pages by offset, each of which begins within the one before; a page without anything new is the end.

    Addresses that leave the listing while we read move the rest forward. Where two pages don't meet because of it,
    the reading begins anew.
    """
    start = {"start_time": int(since.timestamp())} if since else {}
    offset, known, readings = 0, set[str](), 1
    while readings <= MOST_READINGS:
        page = document(session.get(url, params={**start, "limit": PAGE_SIZE, "offset": offset}))
        if not isinstance(page, list):
            message = f"expected a list of suppressions, got {type(page).__name__}"
            raise AnswerUnreadable(message)
        shown = {repr(item) for item in page}
        yield [item for item in page if repr(item) not in known]
        if offset and known.isdisjoint(shown):
            offset, known, readings = 0, set(), readings + 1
        elif shown == known and len(page) >= PAGE_SIZE:
            message = f"offset {offset} gives the page before it again"
            raise AnswerUnreadable(message)
        elif shown <= known:
            return
        else:
            offset, known = offset + len(page) * 9 // 10, shown
    message = "addresses leave the listing faster than it can be read"
    raise RetryLater(message)


def _group_suppressions(session: Session, address: str, _: datetime | None) -> Iterator[Page]:
    """Every group's suppressions; this one has no paging."""
    page = document(session.get(f"{address}/v3/asm/suppressions"))
    if not isinstance(page, list):
        message = f"expected a list of group suppressions, got {type(page).__name__}"
        raise AnswerUnreadable(message)
    yield page


def _messages(session: Session, address: str, earliest: datetime, since: datetime | None) -> Iterator[Page]:
    """Message activity since a moment; the first reading begins at ``earliest``."""
    now = datetime.now(UTC).replace(microsecond=0)
    yield from _window(session, f"{address}/v3/messages", since or earliest, now)


def _window(session: Session, url: str, start: datetime, end: datetime) -> Iterator[Page]:
    """The messages whose last event lies in [start, end], both to the second."""
    between = f'last_event_time BETWEEN TIMESTAMP "{_utc(start)}" AND TIMESTAMP "{_utc(end)}"'
    answer = document(session.get(url, params={"query": between, "limit": str(MOST_MESSAGES)}))
    page = part(answer, "messages", list)
    if len(page) < MOST_MESSAGES:
        yield page
        return
    if end - start < timedelta(seconds=1):
        message = f"{MOST_MESSAGES} or more messages at {_utc(start)}: SendGrid can't list them all"
        raise AnswerUnreadable(message)
    middle = (start + (end - start) / 2).replace(microsecond=0)
    yield from _window(session, url, start, middle)
    yield from _window(session, url, middle + timedelta(seconds=1), end)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _epoch(stated: object) -> datetime | None:
    try:
        return datetime.fromtimestamp(stated, UTC) if isinstance(stated, int | float) else None
    except (ValueError, OverflowError, OSError):
        return None


def _updated_at(contact: Document) -> datetime | None:
    return moment(contact.get("updated_at") or contact.get("created_at"))
