"""What both the reading and the writing of SendGrid need: signing in, the lists, and the export of contacts."""

import csv
import gzip
import io
import math
import time
import zlib
from collections.abc import Iterator
from datetime import timedelta

from lifecycle.errors import AnswerUnreadable, RetryLater
from lifecycle.settings import Connection
from lifecycle.sources import Document
from lifecycle.sources.sendgrid import campaigns
from lifecycle.web import LONGEST_WAIT, Limit, Quotas, Session, document, parsed, part

ADDRESS = "https://api.sendgrid.com"
# Email activity by twilio.com/docs/sendgrid/api-reference/email-activity; of others no number is documented, but each
# answer says what is left on its path (…/how-to-use-the-sendgrid-v3-api/rate-limits).
LIMITS = (
    Limit("/v3/messages", 6, 60),
    Limit("/v3/", math.inf, LONGEST_WAIT, is_per_path=True),
)
EXPORT_PATIENCE = timedelta(minutes=30)


def sign_in(connection: Connection, attempts: int | None = None) -> tuple[Session, str]:
    """A session that carries the API key, and the address to use it at."""
    address, key = connection.base_url(ADDRESS), connection.password
    session = Session(attempts, Quotas(f"{address} {key}", LIMITS))
    session.headers["Authorization"] = f"Bearer {key}"
    return session, address


def scopes(session: Session, address: str) -> set[str]:
    """What the API key may do, in SendGrid's words."""
    return set(part(document(session.get(f"{address}/v3/scopes")), "scopes", list))


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
        message = "the contact export is not a whole file of JSON or CSV"
        raise AnswerUnreadable(message) from None


def _csv_rows(text: str) -> Iterator[Document]:
    rows = csv.DictReader(io.StringIO(text, newline=""))
    if "contact_id" not in {name.lower() for name in rows.fieldnames or ()}:
        message = "no header of an export"
        raise ValueError(message)
    yield from rows
