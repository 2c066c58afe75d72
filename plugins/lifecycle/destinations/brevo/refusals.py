"""What a refusal of Brevo's means, and at which level: rows, of which it names none, the request, or the account."""

import csv
import io
import re

import orjson

from lifecycle.addresses import normalize_email
from lifecycle.errors import AccessDenied, AccountRefused, AnswerUnreadable, LifecycleError, RowRejected
from lifecycle.web import Refused, Session

BAD_REQUEST, PAYMENT_REQUIRED, TOO_LARGE = 400, 402, 413
IMPORTING = "POST /v3/contacts/import"
ABOUT_ROWS = re.compile(r"e-?mail|size|larger|10 ?MB", re.IGNORECASE)
ACCOUNT = re.compile(
    r"\bcredits?\b|\b(contact|list|attribute|account)s? limit|exceeded your|\byour (current )?plan\b"
    r"|(at most|maximum of|maximum number of|too many)( \d+)? (lists|attributes|folders)\b"
    r"|under validation|not (yet )?(validated|activated)|suspend|unrecogni[sz]ed ip|\bip address|authori[sz]ed ips",
    re.IGNORECASE,
)


def blames_account(reason: str) -> bool:
    """Whether a message speaks of the account."""
    return ACCOUNT.search(reason) is not None


def refused_creation(endpoint: str, refusal: Refused) -> LifecycleError:
    """What it means that a folder, a list or an attribute can't be made."""
    about_account = refusal.status == PAYMENT_REQUIRED or blames_account(refusal.words)
    kind = AccountRefused if about_account else AnswerUnreadable
    return kind(f"{endpoint}: {refusal.status}, refused by Brevo: {refusal.words or 'without a reason'}")


def refused_import(refusal: Refused, count: int) -> LifecycleError:
    """What a refused import means: its rows or its size, of which no row is named, or the request itself."""
    try:
        reason = str(orjson.loads(refusal.body)["message"])
    except (ValueError, TypeError, KeyError):
        reason = ""
    head = f"{IMPORTING}: {refusal.status}"
    if refusal.status == PAYMENT_REQUIRED or blames_account(reason):
        return AccountRefused(f"{head}, the account can't take the contacts: {refusal.words}")
    if refusal.status not in {BAD_REQUEST, TOO_LARGE} or not ABOUT_ROWS.search(reason):
        return AnswerUnreadable(f"{head}, a list or the request itself is refused: {refusal.words}")
    return RowRejected(f"{head}, {count} row(s) refused", {0: reason} if count == 1 else {})


def rejected_rows(url: str) -> list[tuple[str, str]]:
    """The addresses in the file of an import's invalid ones, whose form Brevo doesn't document; none if it is gone."""
    try:
        text = Session().get(url).content.decode("utf-8-sig", errors="replace")
    except (AccessDenied, AnswerUnreadable):
        return []
    rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=";" if ";" in text else ",") if row]
    titles = [title.strip().lower() for title in rows[0]] if rows else []
    place = next((n for n, title in enumerate(titles) if "mail" in title and "@" not in title), None)
    addresses = [row[place or 0] for row in rows[place is not None :] if len(row) > (place or 0)]
    return [(address, "the address is invalid") for address in map(normalize_email, addresses)]
