"""Message activity, which has no paging: a window that answers with the most it can is split until it doesn't."""

from datetime import UTC, datetime, timedelta

from lifecycle.errors import AnswerUnreadable
from lifecycle.sources import Pages
from lifecycle.web import Session, document, part


def messages(session: Session, url: str, most: int, earliest: datetime, since: datetime | None) -> Pages:
    """Message activity since a moment; the first reading begins at ``earliest``."""
    now = datetime.now(UTC).replace(microsecond=0)
    yield from _window(session, url, most, since or earliest, now)


def _window(session: Session, url: str, most: int, start: datetime, end: datetime) -> Pages:
    """The messages whose last event lies in [start, end], both to the second."""
    between = f'last_event_time BETWEEN TIMESTAMP "{_utc(start)}" AND TIMESTAMP "{_utc(end)}"'
    answer = document(session.get(url, params={"query": between, "limit": str(most)}))
    page = part(answer, "messages", list)
    if len(page) < most:
        yield page
        return
    if end - start < timedelta(seconds=1):
        message = f"{most} or more messages at {_utc(start)}: SendGrid can't list them all"
        raise AnswerUnreadable(message)
    middle = (start + (end - start) / 2).replace(microsecond=0)
    yield from _window(session, url, most, start, middle)
    yield from _window(session, url, most, middle + timedelta(seconds=1), end)


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
