"""What a refusal of SendGrid's means, and at which level: a row, a field that comes late, a batch, or the account."""

import csv
import io
import re
from collections.abc import Collection
from typing import Any

import orjson

from lifecycle.addresses import normalize_email
from lifecycle.errors import AccessDenied, AccountRefused, AnswerUnreadable, LifecycleError, RetryLater, RowRejected
from lifecycle.web import Refused, Session

BAD_REQUEST, TOO_LARGE = 400, 413
UPSERT = "PUT /v3/marketing/contacts"
ROW = re.compile(r"contacts\[(\d+)\]")
UNKNOWN_FIELD = re.compile(r"does not exist|invalid custom field id", re.IGNORECASE)
# "you have hit your contact limit" (sendgrid-go#413), "access forbidden" to another plan (sendgrid-nodejs#957),
# "You have exceeded your messaging limits" (sendgrid-php#931), and what it says of suspended accounts and IP addresses
ACCOUNT = re.compile(
    r"\b(contact|contacts|list|custom field|plan|account|messaging|upload)s? limit|exceeded your"
    r"|(at most|maximum of|maximum number of|too many)( \d+)? (lists|custom fields|fields)\b"
    r"|suspend|under review|deactivated|billing|\bupgrade\b|\byour (current )?plan\b"
    r"|allow ?list|white ?list|\bip address|not (authorized|permitted)|access forbidden",
    re.IGNORECASE,
)


def blames_account(reason: str) -> bool:
    """Whether a message speaks of the account."""
    return ACCOUNT.search(reason) is not None


def refused_creation(endpoint: str, refusal: Refused, *, is_full: bool) -> LifecycleError:
    """What it means that a list or a field can't be made, of which the account may have as many as it can."""
    kind = AccountRefused if is_full or blames_account(refusal.words) else AnswerUnreadable
    return kind(f"{endpoint}: {refusal.status}, refused by SendGrid: {refusal.words or 'without a reason'}")


def refused_batch(refusal: Refused, our_fields: Collection[str], late_fields: Collection[str]) -> LifecycleError:
    """What a refused upsert means; ``our_fields`` are ids of custom fields, ``late_fields`` those to be waited for."""
    errors, head = _errors(refusal.body), f"{UPSERT}: {refusal.status}"
    places = [str(error.get("field") or error.get("parameter") or "") for error in errors]
    reasons = [str(error.get("message") or "rejected") for error in errors]
    if reasons and all(map(blames_account, reasons)):
        return AccountRefused(f"{head}, the account can't take the contacts: {refusal.words}")
    if any(names_unknown(reason, late_fields) for reason in reasons):
        return RetryLater(f"{head}, a custom field is not known there yet")
    if any(names_unknown(reason, our_fields) for reason in reasons):
        return AnswerUnreadable(
            f"{head}, a custom field was deleted there, the next run makes it again: {refusal.words}"
        )
    if refusal.status not in {BAD_REQUEST, TOO_LARGE} or any("list_ids" in place for place in places):
        return AnswerUnreadable(f"{head}, a list or the request itself is refused: {refusal.words}")
    rows: dict[int, str] = {}
    for place, reason in zip(places, reasons, strict=True):
        if match := ROW.search(place) or ROW.search(reason):
            rows.setdefault(int(match.group(1)), reason)
    return RowRejected(f"{head}, {len(rows)} row(s) named", rows)


def names_unknown(reason: str, fields: Collection[str]) -> bool:
    """Whether a reason says that SendGrid doesn't know one of these custom fields."""
    return UNKNOWN_FIELD.search(reason) is not None and not {*re.findall(r"\w+", reason)}.isdisjoint(fields)


def _errors(body: bytes) -> list[dict[str, Any]]:
    try:
        errors = orjson.loads(body).get("errors")
    except (ValueError, AttributeError):
        return []
    return [error for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []


def rejected_rows(url: str) -> list[tuple[str, str]]:
    """The rows of an ``errors_url`` file: a CSV whose columns SendGrid doesn't document.

    Nothing if the link has expired. The address is in the column named so, else in the first; the message in one named
    so, else in the last. A row without an address names nobody.
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
    named = [(normalize_email(row[address]), row[reason].strip()) for row in whole]
    return [(email, why) for email, why in named if "@" in email and " " not in email]
