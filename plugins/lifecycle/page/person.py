"""The history of one person, without name and address. Each view is recorded before anything is read."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

from lifecycle import warehouse
from lifecycle.page.marts import PEOPLE_ROLE, Marts

MAX_ROWS = 300

CUSTOMER = """
select ruleset, stage, stage_since, next_stage, next_transition_on, vip, engagement, consent_state, consent_basis,
    first_seen_on, orders, revenue, as_of
from $marts.customers where person_id = %(person)s
"""
STAGE_INTERVALS = """
select stage, valid_from, valid_to, cause from $marts.stage_intervals
where person_id = %(person)s and ruleset = %(ruleset)s order by valid_from
"""
PURCHASES = """
select business_day, shop, orders, net, currency from $marts.purchase_days
where person_id = %(person)s order by business_day desc, shop limit %(limit)s
"""
MESSAGES = """
select delivered_on, subject, opened_on, clicked_on, is_opened, is_clicked from $marts.messages
where person_id = %(person)s order by delivered_on desc, message_id limit %(limit)s
"""
# the provider's responses are left out, since they may hold an address, and so is the approver's name
LISTS = """
select run_date, event, list_name, case event when 'decided: excluded' then detail end as reason from $delivery.audit
where person_id = %(person)s and event not like 'plan %%'
order by at desc, run_id desc, event, list_name limit %(limit)s
"""
CONSENT = """
select source, statement, says, said_at::date as said_on, is_decisive from $marts.consent_evidence
where person_id = %(person)s order by precedence, said_at, source
"""
CORRECTIONS = """
select occurred_on, believed_stage, stage, known_on from $marts.stage_corrections
where subject_id = %(person)s and subject_kind = 'person' and ruleset = %(ruleset)s order by known_on desc, occurred_on
"""


@dataclass(frozen=True, slots=True)
class Customer:
    """A person as of the last night."""

    ruleset: str | None
    stage: str | None
    stage_since: date | None
    next_stage: str | None
    next_transition_on: date | None
    vip: bool | None
    engagement: str | None
    consent_state: str | None
    consent_basis: str | None
    first_seen_on: date | None
    orders: int | None
    revenue: Decimal | None
    as_of: date


@dataclass(frozen=True, slots=True)
class StageInterval:
    """A time in a stage; the last one is open, and later ones begin if the person buys nothing."""

    stage: str
    valid_from: date
    valid_to: date | None
    cause: str


@dataclass(frozen=True, slots=True)
class Purchase:
    """A purchase day."""

    business_day: date
    shop: str
    orders: int
    net: Decimal | None
    currency: str | None


@dataclass(frozen=True, slots=True)
class Message:
    """A message that the provider delivered."""

    delivered_on: date
    subject: str | None
    opened_on: date | None
    clicked_on: date | None
    is_opened: bool
    is_clicked: bool


@dataclass(frozen=True, slots=True)
class ListEvent:
    """A decision about a list, a request to the provider or its response."""

    run_date: date
    event: str
    list_name: str | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement for or against consent."""

    source: str
    statement: str
    says: str
    said_on: date | None
    is_decisive: bool


@dataclass(frozen=True, slots=True)
class Correction:
    """A change of stage that late data has corrected."""

    occurred_on: date
    believed_stage: str | None
    stage: str | None
    known_on: date


@dataclass(frozen=True, slots=True)
class Person:
    """Everything that is shown of a person."""

    customer: Customer
    stage_intervals: list[StageInterval]
    purchases: list[Purchase]
    messages: list[Message]
    lists: list[ListEvent]
    consent: list[Statement]
    corrections: list[Correction]

    def past(self) -> list[tuple[str, date, date]]:
        """The stage intervals up to the last night, as (stage, from, to)."""
        last = self.customer.as_of
        return [
            (interval.stage, interval.valid_from, min(interval.valid_to or last, last))
            for interval in self.stage_intervals
            if interval.valid_from <= last
        ]


def record_view(url: str, user: str, person: UUID) -> None:
    """Record that a user views a person; committed before anything is read."""
    with warehouse.acting_as(url, PEOPLE_ROLE, read_only=False) as connection:
        connection.execute("select $access.record(%s, %s)", [user, person])


def read(url: str, person: UUID) -> Person | None:
    """A person's history; None if nobody has this id."""
    with warehouse.acting_as(url, PEOPLE_ROLE) as connection:
        marts = Marts.of(connection)
        customers = marts.rows(Customer, CUSTOMER, person=person)
        if not customers:
            return None
        parameters = {"person": person, "ruleset": customers[0].ruleset}
        return Person(
            customers[0],
            marts.rows(StageInterval, STAGE_INTERVALS, **parameters),
            marts.rows(Purchase, PURCHASES, person=person, limit=MAX_ROWS),
            marts.rows(Message, MESSAGES, person=person, limit=MAX_ROWS),
            marts.rows(ListEvent, LISTS, person=person, limit=MAX_ROWS),
            marts.rows(Statement, CONSENT, person=person),
            marts.rows(Correction, CORRECTIONS, **parameters),
        )
