"""What both the reading and the writing of SendGrid need: signing in, the lists, and the export of contacts."""

import math
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from urllib.parse import urlsplit

from lifecycle.errors import AnswerUnreadable, RetryLater, SettingsInvalid
from lifecycle.settings import Connection
from lifecycle.sources import Document
from lifecycle.sources.sendgrid import campaigns
from lifecycle.sources.sendgrid.export_file import rows
from lifecycle.web import LONGEST_WAIT, Limit, Quotas, Session, document, download, part

ADDRESS = "https://api.sendgrid.com"
#: Of regional subusers. By the servers that each contract in twilio/sendgrid-oai lists, it has suppressions, groups and
#: scopes, but not contacts, lists, custom fields, Single Sends and their counts, and message activity.
EU_HOST = "api.eu.sendgrid.com"
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


def check_region(connection: Connection, what: Sequence[str]) -> None:
    """Raise ``SettingsInvalid`` where something is asked for that the connection's region doesn't have."""
    if what and urlsplit(connection.base_url(ADDRESS)).hostname == EU_HOST:
        message = (
            f"connection {connection.name}: {EU_HOST} has only suppressions and unsubscribe groups, not "
            f"{', '.join(what)}; leave the host empty, which is {ADDRESS}"
        )
        raise SettingsInvalid(message)


def scopes(session: Session, address: str) -> set[str]:
    """What the API key may do, in SendGrid's words."""
    return set(part(document(session.get(f"{address}/v3/scopes")), "scopes", list))


def lists(session: Session, address: str) -> dict[str, str]:
    """Name → id of every list."""
    pages = campaigns.paged(session, f"{address}/v3/marketing/lists", "result", 1000)
    return {item["name"]: item["id"] for page in pages for item in page}


def export(session: Session, address: str, list_id: str | None = None) -> Iterator[Document]:
    """Every contact, or every contact of one list, by SendGrid's asynchronous export.

    Keys are lower case and the contact's id is ``contact_id``, whatever the file's format; ``email`` may be missing.
    Each file is on the disk, packed, before its first row is given: a transfer that breaks off is repeated, and a slow
    reader holds no connection open.
    """
    order = {"file_type": "json", **({"list_ids": [list_id]} if list_id else {})}
    job = part(document(session.post(f"{address}/v3/marketing/contacts/exports", json=order)), "id", str)
    for url in _exported_files(session, f"{address}/v3/marketing/contacts/exports/{job}"):
        with tempfile.TemporaryFile() as file:
            download(url, file)
            yield from map(_contact, rows(file))


def _contact(row: Document) -> Document:
    contact = {str(key).lower(): value for key, value in row.items()}
    contact["contact_id"] = contact.pop("id", None) or contact.get("contact_id")
    if not contact["contact_id"]:
        message = "an exported contact has no contact_id"
        raise AnswerUnreadable(message)
    return contact


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
