"""Addresses that SendGrid doesn't send to: globally, of five kinds, and by unsubscribe group."""

from datetime import datetime

from lifecycle.errors import AnswerUnreadable, RetryLater
from lifecycle.sources import Pages
from lifecycle.web import Session, documents

MOST_READINGS = 10


def of_a_kind(session: Session, url: str, page_size: int, since: datetime | None = None) -> Pages:
    """Pages by offset, each of which begins within the one before; a page without anything new is the end.

    Addresses that leave the listing while we read move the rest forward. Where two pages don't meet because of it,
    the reading starts again.
    """
    start = {"start_time": int(since.timestamp())} if since else {}
    offset, known, readings = 0, set[str](), 1
    while readings <= MOST_READINGS:
        page = documents(session.get(url, params={**start, "limit": page_size, "offset": offset}), "suppressions")
        shown = {repr(item) for item in page}
        yield [item for item in page if repr(item) not in known]
        if offset and known.isdisjoint(shown):
            offset, known, readings = 0, set(), readings + 1
        elif shown == known and len(page) >= page_size:
            message = f"offset {offset} gives the page before it again"
            raise AnswerUnreadable(message)
        elif shown <= known:
            return
        else:
            offset, known = offset + len(page) * 9 // 10, shown
    message = "addresses leave the listing faster than it can be read"
    raise RetryLater(message)


def of_groups(session: Session, address: str, _: datetime | None = None) -> Pages:
    """Every group's suppressions; this one has no paging."""
    yield documents(session.get(f"{address}/v3/asm/suppressions"), "group suppressions")
