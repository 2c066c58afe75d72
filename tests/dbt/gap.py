"""What a random town is owed, counted by walking through every day of every person, without any SQL."""

import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from tests.dbt.documents import OPT_IN_LISTS, Documents, documents, message_key
from tests.dbt.recount import AUDIENCES, HOUSE_ZONE, Decision, Kept, Stay, is_plausible, uuid_of

Rows = list[dict[str, Any]]

RUN_DATE = date(2017, 11, 7)
MEASURING = {"months": 3, "late_days": 6, "response_days": 5, "live_share": 0.3, "effect_days": 28}
#: September is the first of three months.
FIRST_DAY = date(2017, 9, 1)
DAY = timedelta(days=1)
STATUSES = ("contacted_in_time", "contacted_late", "pending", "not_contacted", "held_out", "not_contactable")
COLUMNS = (
    "scenario",
    "stage",
    "market",
    "trigger",
    "after_days",
    "due_within_days",
    "channel",
    "audience",
    "recognised_by",
    "recognised_as",
)
CATALOGUE = [
    ("nudge", "at_risk", "both", "enters_stage", 2, 4, "email", "overdue", "list", "Overdue"),
    ("nudge_by_ads", "at_risk", "b2c", "enters_stage", 0, 9, "paid", "overdue", "list", "Overdue"),
    ("ladder", "lapsed", "both", "enters_stage", 0, 12, "email", "just_lapsed", "subject", "Campaign 1%"),
    ("newsletter", "active", "both", "in_stage", 3, 20, "email", "everybody", "subject", "campaign %"),
    ("company_letter", "active", "b2b", "in_stage", 0, 15, "email", "", "subject", "%2"),
    ("replenishment", "active", "both", "purchases", 5, 5, "email", "buyers", "subject", "Offer%"),
    ("review", "new", "b2c", "purchases", 1, 0, "email", "", "list", "Newsletter"),
    ("welcome_back", "active", "both", "is_won_back", 1, 10, "email", "repeaters", "subject", "Offer%"),
    ("nurture", "prospect", "both", "in_stage", 0, 27, "email", "", "", ""),
    ("vip", "active", "both", "becomes_vip", 0, 7, "email", "buyers", "list", "Buyers"),
    ("birthday", "active", "both", "has_birthday", 0, 1, "email", "", "", ""),
]


@dataclass(frozen=True)
class Scenario:
    """A line of the catalogue."""

    scenario: str
    stage: str
    market: str
    trigger: str
    after_days: int
    due_within_days: int
    channel: str
    audience: str
    recognised_by: str
    recognised_as: str

    @property
    def is_measured(self) -> bool:
        return self.trigger in {"enters_stage", "in_stage", "purchases", "is_won_back"}


@dataclass(frozen=True)
class Message:
    """A delivered message."""

    day: date
    subject: str
    is_opened: bool
    is_clicked: bool


@dataclass(frozen=True)
class Contact:
    """A day on which a scenario reached a person; none is due if it is nobody's."""

    day: date
    is_opened: bool = False
    is_clicked: bool = False


@dataclass
class Person:
    """What is known about a person whom scenarios may concern."""

    market: str
    is_reachable: bool
    refused_on: date | None
    stages: dict[date, str] = field(default_factory=dict)
    bought_on: set[date] = field(default_factory=set)
    messages: list[Message] = field(default_factory=list)
    stays: list[Stay] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)


# --- the town ----------------------------------------------------


def town(dice: random.Random) -> Documents:
    """Two hundred people, and messages of half a year, some of which were opened later."""
    content = documents(dice, people=200)
    content["sendgrid__messages"] = {message_key(number): _message(dice) for number in range(2500)}
    return content


def _message(dice: random.Random) -> dict[str, Any]:
    sent_at = datetime.combine(RUN_DATE + DAY, time(), UTC) - timedelta(minutes=dice.randrange(60 * 24 * 120))
    return {
        "to_email": f"person{dice.randint(1, 210)}@example.com",
        "subject": f"{dice.choice(['Campaign', 'Offer', 'Bill'])} {dice.randint(1, 12)}",
        "status": dice.choice(["delivered"] * 6 + ["not_delivered"]),
        "opens_count": dice.choice([0, 0, 1, 3]),
        "clicks_count": dice.choice([0, 0, 0, 1]),
        "last_event_time": sent_at.replace(tzinfo=None).isoformat(timespec="seconds") + "Z",
    }


def kept_of(dice: random.Random) -> Kept:
    """Stays and decisions that follow each other, some of them of this night's date."""
    kept = Kept()
    for person in (uuid_of(f"email:person{number}@example.com") for number in range(1, 201)):
        for name, rule in AUDIENCES.items():
            day = RUN_DATE - timedelta(days=dice.randrange(100))
            while day <= RUN_DATE and dice.random() < 0.8:
                until = day + timedelta(days=dice.randint(1, 40))
                ended = until if until <= RUN_DATE else None
                outcome = dice.choice(["member", "member", "holdout", "excluded"])
                why = dice.choice(["capped", "held out"]) if outcome == "excluded" else None
                kept.decisions.append(Decision(name, person, outcome, why, day, ended))
                if outcome == "member":
                    kept.stays.append(Stay(person, rule["list"], day, ended))
                day = until + timedelta(days=dice.choice([0, 3]))
    return kept


def catalogue() -> list[Scenario]:
    return [Scenario(*row) for row in CATALOGUE]


def everybody(rows: dict[str, Rows], content: Documents, kept: Kept) -> dict[UUID, Person]:
    """Who is known, by marts that have a recount of their own, and what they were sent and given."""
    by_email = {row["email"]: row["person_id"] for row in rows["persons"]}
    people = {row["person_id"]: _person(row) for row in rows["persons"]}
    _give_stages(people, rows)
    for row in rows["purchase_days"]:
        people[row["person_id"]].bought_on.add(row["business_day"])
    for row in rows["consent_evidence"]:
        if row["is_decisive"] and row["says"] == "refuses" and row["said_at"]:
            people[row["person_id"]].refused_on = row["said_at"].astimezone(ZoneInfo(HOUSE_ZONE)).date()
    for document in content["sendgrid__messages"].values():
        key, day = by_email.get(document["to_email"]), day_of(document["last_event_time"])
        if key and document["status"] == "delivered" and day <= RUN_DATE:
            opened, clicked = document["opens_count"] > 0, document["clicks_count"] > 0
            people[key].messages.append(Message(day, document["subject"], opened, clicked))
    for document in content["sendgrid__list_members"].values():
        key, day = by_email.get(document["email"]), day_of(document["created_at"])
        if key and day <= RUN_DATE:
            people[key].stays.append(Stay(key, document["list_name"], day))
    _give_what_was_kept(people, kept)
    return people


def _person(row: dict[str, Any]) -> Person:
    return Person(
        market="b2b" if row["account_id"] else "b2c",
        is_reachable=bool(row["email"]) and is_plausible(row["email"]) and row["consent_state"] != "unknown",
        refused_on=date.min if row["consent_state"] == "refused" else None,
    )


def _give_stages(people: dict[UUID, Person], rows: dict[str, Rows]) -> None:
    rulesets = {row["person_id"]: row["ruleset"] for row in rows["customers"]}
    for row in rows["stage_intervals"]:
        if row["ruleset"] == rulesets[row["person_id"]]:
            days = days_of(row["valid_from"], min(row["valid_to"] or date.max, RUN_DATE + DAY) - DAY)
            stage: str = row["stage"]
            people[row["person_id"]].stages |= dict.fromkeys(days, stage)


def _give_what_was_kept(people: dict[UUID, Person], kept: Kept) -> None:
    """But for what began or ended with this night's date."""
    for stay in kept.stays:
        if stay.entered_on < RUN_DATE and stay.person_id in people:
            left = stay.left_on if stay.left_on and stay.left_on < RUN_DATE else None
            people[stay.person_id].stays.append(Stay(stay.person_id, stay.list_name, stay.entered_on, left))
    for decision in kept.decisions:
        if decision.person_id in people:
            people[decision.person_id].decisions.append(decision)


def day_of(instant: str) -> date:
    return datetime.fromisoformat(instant).astimezone(ZoneInfo(HOUSE_ZONE)).date()


def days_of(first: date, last: date) -> Iterator[date]:
    while first <= last:
        yield first
        first += DAY


# --- the recount -------------------------------------------------


def is_due(scenario: Scenario, person: Person, day: date) -> bool:
    """Whether the trigger was so many days ago, and the person is in the stage."""
    began = day - timedelta(days=scenario.after_days)
    if not scenario.is_measured or scenario.market not in {"both", person.market}:
        return False
    if person.stages.get(day) != scenario.stage:
        return False
    if scenario.trigger == "in_stage":
        return began.day == 1
    if scenario.trigger == "purchases":
        return began in person.bought_on
    before, since = person.stages.get(began - DAY), {person.stages.get(each) for each in days_of(began, day)}
    entered = since == {scenario.stage} and before != scenario.stage
    return entered and (scenario.trigger == "enters_stage" or before in {"lapsed", "lost"})


def due_days(scenario: Scenario, person: Person) -> list[date]:
    """The first of each month, from well before the first measured one."""
    first: dict[tuple[int, int], date] = {}
    for day in days_of(FIRST_DAY - timedelta(days=120), RUN_DATE):
        if (day.year, day.month) not in first and is_due(scenario, person, day):
            first[day.year, day.month] = day
    return [*first.values()]


def contacts(scenario: Scenario, person: Person) -> list[Contact]:
    """The days on which the person was reached, one each, in order."""
    messages = [message for message in person.messages if is_recognised(scenario, message)]
    reached = [Contact(message.day, message.is_opened, message.is_clicked) for message in messages]
    if scenario.recognised_by == "list":
        for stay in person.stays:
            if stay.list_name == scenario.recognised_as:
                reached += of_stay(scenario, person, stay)
    return [
        Contact(
            day,
            any(contact.is_opened for contact in reached if contact.day == day),
            any(contact.is_clicked for contact in reached if contact.day == day),
        )
        for day in sorted({contact.day for contact in reached if contact.day >= FIRST_DAY})
    ]


def is_recognised(scenario: Scenario, message: Message) -> bool:
    """As LIKE does, for a % at one end."""
    wanted, subject = scenario.recognised_as.lower(), message.subject.lower()
    if scenario.recognised_by != "subject":
        return False
    return subject.endswith(wanted[1:]) if wanted.startswith("%") else subject.startswith(wanted[:-1])


def of_stay(scenario: Scenario, person: Person, stay: Stay) -> list[Contact]:
    if scenario.channel != "email":
        return [Contact(stay.entered_on)]
    first_day = stay.entered_on + DAY * (stay.list_name not in OPT_IN_LISTS.values())  # ours are filled overnight
    during = [each for each in person.messages if first_day <= each.day <= (stay.left_on or RUN_DATE)]
    first = min((each.day for each in during), default=None)
    return [Contact(each.day, each.is_opened, each.is_clicked) for each in during if each.day == first]


def standing(scenario: Scenario, person: Person, day: date, last_day: date) -> tuple[str, str, bool]:
    """The decision that counts, why, and whether any held the person out."""
    in_force = [
        decision
        for decision in person.decisions
        if decision.audience == scenario.audience
        and decision.since_on < RUN_DATE
        and decision.since_on <= last_day
        and (decision.until_on is None or decision.until_on >= RUN_DATE or decision.until_on > day)
    ]
    latest = max(in_force, key=lambda decision: decision.since_on, default=None)
    held_out = any(decision.outcome == "holdout" or decision.exclusion == "held out" for decision in in_force)
    return (latest.outcome, latest.exclusion or "", held_out) if latest else ("none", "", False)


def status(person: Person, contact: Contact | None, last_day: date, *, is_held_out: bool) -> str:
    if contact:
        return "contacted_in_time" if contact.day <= last_day else "contacted_late"
    if is_held_out:
        return "held_out"
    if not person.is_reachable or (person.refused_on and person.refused_on <= last_day):
        return "not_contactable"
    return "pending" if last_day >= RUN_DATE else "not_contacted"


Place = tuple[str, date]


@dataclass
class Counted:
    """Sums by scenario and month, and by day, audience, standing and exclusion; people who were reached by month."""

    months: dict[Place, Counter[str]]
    days: dict[tuple[str, date, str, str, str], Counter[str]]


def recount(people: dict[UUID, Person]) -> Counted:
    counted = Counted(defaultdict(Counter), defaultdict(Counter))
    for scenario in catalogue():
        for person in people.values():
            count(counted, scenario, person)
    return counted


def count(counted: Counted, scenario: Scenario, person: Person) -> None:
    due, reached = due_days(scenario, person), contacts(scenario, person)
    within = timedelta(days=scenario.due_within_days)
    latest = {contact.day: max((day for day in due if day <= contact.day), default=None) for contact in reached}
    allowed = within + timedelta(days=MEASURING["late_days"])
    belongs = {day: to if to and day <= to + allowed else None for day, to in latest.items()}
    for day in due:
        first = next((contact for contact in reached if belongs[contact.day] == day), None)
        if day >= FIRST_DAY:
            outcome, exclusion, is_held_out = standing(scenario, person, day, day + within)
            became = status(person, first, day + within, is_held_out=is_held_out)
            place = (scenario.scenario, day, scenario.audience, outcome, exclusion)
            counted.days[place].update(["concerned", became])
            counted.months[scenario.scenario, day.replace(day=1)].update(["concerned", became])
            respond(counted, scenario, person, day, first)
    undue = [contact for contact in reached if belongs[contact.day] is None]
    months = {contact.day.replace(day=1): contact for contact in reversed(reached)}
    for month, contact in months.items():
        counted.months[scenario.scenario, month]["contacts"] += 1
        if not scenario.is_measured:
            respond(counted, scenario, person, month, contact)
    if scenario.is_measured:
        for contact in undue:
            outcome, exclusion, _ = standing(scenario, person, contact.day, contact.day)
            counted.days[scenario.scenario, contact.day, scenario.audience, outcome, exclusion]["not_due"] += 1
        for month in {contact.day.replace(day=1) for contact in undue}:
            counted.months[scenario.scenario, month]["not_due"] += 1


def respond(counted: Counted, scenario: Scenario, person: Person, day: date, contact: Contact | None) -> None:
    if contact:
        last = contact.day + timedelta(days=MEASURING["response_days"])
        month = counted.months[scenario.scenario, day.replace(day=1)]
        month["opened"] += contact.is_opened
        month["clicked"] += contact.is_clicked
        month["purchased"] += any(contact.day < bought <= last for bought in person.bought_on)


def verdict(scenario: Scenario, month: Counter[str]) -> str | None:
    if not scenario.recognised_by:
        return "missing"
    if not scenario.is_measured:
        return "live" if month["contacts"] else "planned"
    due = sum(month[name] for name in STATUSES[:4])
    in_time, pending = month["contacted_in_time"], month["pending"]
    if due and in_time / due >= MEASURING["live_share"]:
        return "live"
    reached = in_time + month["contacted_late"]
    if not due or (in_time + pending) / due >= MEASURING["live_share"]:
        return None
    return "partly" if reached else "planned"
