"""Contacts, suppressions and messages of the demo's ESP account."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from demo.esp import Esp
from demo.journey.data import Journey
from demo.journey.households import DOMAIN, email_of, name_of
from lifecycle.testing import clock as clocks

LAST_WEEK = datetime(2017, 12, 24, 16, tzinfo=UTC)
READERS = 300
LATE_READERS = 15
OFFERS = 42
SUPPRESSED = {
    "unsubscribes": 40,
    "bounces": 25,
    "spam_reports": 5,
    "blocks": 5,
    "invalid_emails": 10,
    "group": 15,
}
REASONS = {
    "bounces": ("550 5.1.1 The email account that you tried to reach does not exist.", "5.1.1"),
    "blocks": ("550 5.7.1 Message rejected.", "5.7.1"),
    "invalid_emails": ("Known bad domain", None),
}


def fill(esp: Esp, journey: Journey) -> None:
    """Put contacts, suppressions and messages into a fresh ESP."""
    households = list(journey.first_times())
    with esp.store.transaction():
        _add_subscribers(esp, households)
        _suppress(esp, households)
        esp.add_messages(list(messages(journey)))


def messages(journey: Journey) -> Iterator[dict[str, Any]]:
    """Yield every state of every message: its delivery, and each day on which a coupon was redeemed."""
    delivered: dict[tuple[int, int], dict[str, Any]] = {}
    sent: dict[int, int] = {}
    for campaign, household, start in journey.campaign_targets.tolist():
        sent[campaign] = sent.get(campaign, 0) + 1
        delivered[campaign, household] = {
            "from_email": f"news@{DOMAIN}",
            "msg_id": f"cj-{campaign}-{household}",
            "subject": f"Campaign {campaign}",
            "to_email": email_of(household),
            "status": "delivered",
            "opens_count": 0,
            "clicks_count": 0,
            "last_event_time": clocks.iso(start + 14 * 3600 + sent[campaign] // 50),
        }
    yield from delivered.values()
    clicks: dict[tuple[int, int], int] = {}
    for campaign, household, day in journey.redemptions.tolist():
        count = clicks[campaign, household] = clicks.get((campaign, household), 0) + 1
        at = clocks.iso(day + 15 * 3600 + household % 60)
        state = {"opens_count": count, "clicks_count": count, "last_event_time": at}
        yield delivered[campaign, household] | state


def _add_subscribers(esp: Esp, households: list[int]) -> None:
    for n in range(1, READERS + 1):
        esp.add_contact(
            f"reader{n}@{DOMAIN}",
            lists=["Newsletter"],
            created_at=_signed_up(n),
            country="US",
            **name_of(n),
        )
    for household in households:
        if household % 50 == 1:
            created = datetime(2017, 1, 2, 18, tzinfo=UTC) + timedelta(days=household * 37 % 350)
            esp.add_contact(email_of(household), lists=["Newsletter"], created_at=created, **name_of(household))


def _signed_up(reader: int) -> datetime:
    early = READERS - LATE_READERS
    if reader > early:
        return LAST_WEEK + timedelta(days=(reader - early - 1) % 7)
    return datetime(2017, 1, 1, 17, tzinfo=UTC) + timedelta(days=(reader - 1) * 356 // early)


def _suppress(esp: Esp, households: list[int]) -> None:
    esp.add_group(OFFERS, "Offers", "Coupons and offers")
    shuffled = iter(sorted(households, key=lambda household: household * 7919 % 2503))
    for kind, count in SUPPRESSED.items():
        for n in range(count):
            _suppress_one(esp, kind, email_of(next(shuffled)), _spread(n, count))
    for n in range(10):
        esp.suppress("unsubscribes", f"reader{25 * (n + 1)}@{DOMAIN}", _spread(n, 10) + timedelta(hours=1))


def _suppress_one(esp: Esp, kind: str, email: str, created: datetime) -> None:
    if kind == "group":
        esp.leave_group(OFFERS, email, created)
    else:
        reason, status = REASONS.get(kind, (None, None))
        esp.suppress(kind, email, created, reason=reason, status=status)


def _spread(n: int, count: int) -> datetime:
    late = max(1, count // 8)
    if n >= count - late:
        return LAST_WEEK + timedelta(days=(n - (count - late)) % 7, hours=n % 5)
    return datetime(2017, 2, 1, 16, tzinfo=UTC) + timedelta(days=n * 320 // count, hours=n % 5)
