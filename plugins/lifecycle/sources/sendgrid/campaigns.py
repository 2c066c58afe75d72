"""What was sent: Single Sends, the counts of Single Sends and automations, unsubscribe groups.

The API counts automations, but has no call that names them: the event webhook does.
"""

from datetime import datetime
from urllib.parse import parse_qs, urlsplit

from lifecycle.errors import AnswerUnreadable
from lifecycle.sources import Document, Pages
from lifecycle.web import Session, document, documents, part


def paged(session: Session, url: str, name: str, size: int, _: datetime | None = None) -> Pages:
    """Every page of a listing whose ``_metadata.next`` leads on; ``name`` is the part that holds the documents."""
    token, seen = "", set[str]()
    while True:
        answer = document(session.get(url, params={"page_size": str(size), "page_token": token or None}))
        page = part(answer, name, list)
        yield page
        token = _next_token(answer)
        if not token or not page:
            return
        if token in seen:
            message = "the listing leads back to a page that was read"
            raise AnswerUnreadable(message)
        seen.add(token)


def _next_token(answer: Document) -> str:
    """The token of the next page; empty on the last one."""
    following = urlsplit((answer.get("_metadata") or {}).get("next") or "").query
    return parse_qs(following).get("page_token", [""])[0]


def groups(session: Session, address: str, _: datetime | None = None) -> Pages:
    """Every unsubscribe group; this one has no paging."""
    yield documents(session.get(f"{address}/v3/asm/groups"), "unsubscribe groups")
