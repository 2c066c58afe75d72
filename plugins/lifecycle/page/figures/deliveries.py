"""Audiences and deliveries, what was read back, and what the delivery could no longer be sure of."""

from dataclasses import dataclass
from datetime import date

from lifecycle.page.filters import Filters
from lifecycle.page.marts import Marts
from lifecycle.settings import Settings

MAX_RUNS = 14
MAX_DOUBTS = 50

# the last run of the range, the one of the night before it, and the first of the range
AUDIENCES = """
with runs as (
    select run_id, run_date from $delivery.run where run_date <= %(end)s and not is_dry_run
),
last_run as (select run_id, run_date from runs order by run_date desc, run_id desc limit 1),
before as (
    select run_id from runs where run_date < (select run_date from last_run) order by run_date desc, run_id desc limit 1
),
first_run as (select run_id from runs where run_date >= %(start)s order by run_date, run_id limit 1)
select now.audience, now.list_name, now.members, now.held_out, now.added, now.removed, now.excluded,
    now.members - night.members as change, now.members - beginning.members as change_of_range,
    coalesce(refused.rejected, 0)::bigint as rejected, now.is_removed
from $delivery.audience as now
left join $delivery.audience as night
    on night.audience = now.audience and night.run_id = (select run_id from before) and not night.is_removed
left join $delivery.audience as beginning
    on beginning.audience = now.audience and beginning.run_id = (select run_id from first_run)
        and not beginning.is_removed
left join (
    select list_name, sum(rejected) as rejected from $delivery.reject_counts
    where run_id = (select run_id from last_run) group by list_name
) as refused on refused.list_name = now.list_name
where now.run_id = (select run_id from last_run)
order by now.members desc, now.audience
"""
RUNS = """
select run_id, run_date, destination, is_dry_run, stopped_by, answer, delivered_at is not null as is_delivered,
    (summary -> 'delivery' ->> 'planned')::bigint as planned, (summary -> 'delivery' ->> 'sent')::bigint as sent,
    (summary -> 'delivery' ->> 'confirmed')::bigint as confirmed,
    (summary -> 'delivery' ->> 'rejected')::bigint as rejected
from $delivery.run where run_date between %(start)s and %(end)s order by run_date desc, run_id desc limit %(limit)s
"""
# The last run up to the end of the range whose lists were read back, each list with what the check says of it.
READ_BACK = """
with last_run as (
    select run_id, run_date from $delivery.run
    where run_date <= %(end)s and run_id in (select run_id from $delivery.reconciliation)
    order by run_date desc, run_id desc limit 1
)
select last_run.run_date, list_name, expected, found, missing, extra, different,
    case when success then 'passed' else severity end as outcome
from last_run
inner join $delivery.reconciliation using (run_id)
left join (select * from $quality.result where gate = 'read_back') as checked
    on checked.run_date = last_run.run_date and checked.suite = list_name
order by list_name
"""
# A doubt belongs to the run whose plan was the first one after it; to the last run if there was none yet.
DOUBTS = """
with noticed as (
    select (noticed_at at time zone %(timezone)s::text)::date as noticed_on, reason, name, persons, next_run.run_date
    from $delivery.doubt
    left join lateral (
        select run_date from $delivery.run where planned_at >= noticed_at and not is_dry_run
        order by planned_at, run_id limit 1
    ) as next_run on true
)
select noticed_on, run_date as planned_for, reason, name, sum(persons)::bigint as persons
from noticed
where coalesce(run_date, (select max(run_date) from $delivery.run where not is_dry_run))
    between %(start)s and %(end)s
group by noticed_on, run_date, reason, name
order by noticed_on desc, run_date desc nulls first, reason, name limit %(limit)s
"""


@dataclass(frozen=True, slots=True)
class Audience:
    """One list in the last plan; ``change`` is since the night before, None if the list is new.

    Everybody leaves a list that ``is_removed``: the marketer's file no longer names it.
    """

    audience: str
    list_name: str
    members: int
    held_out: int
    added: int
    removed: int
    excluded: dict[str, int]
    change: int | None
    change_of_range: int | None
    rejected: int
    is_removed: bool


@dataclass(frozen=True, slots=True)
class ReadBack:
    """One list as the provider held it after a delivery; ``outcome``: passed, warning, critical, None if unchecked."""

    run_date: date
    list_name: str
    expected: int
    found: int
    missing: int
    extra: int
    different: int
    outcome: str | None

    @property
    def is_as_confirmed(self) -> bool:
        """Whether nobody is missing, extra or different."""
        return not (self.missing or self.extra or self.different)


@dataclass(frozen=True, slots=True)
class Doubt:
    """What was confirmed and could no longer be relied on; ``planned_for`` is None until the next plan."""

    noticed_on: date
    planned_for: date | None
    reason: str
    name: str | None
    persons: int


@dataclass(frozen=True, slots=True)
class Run:
    """One plan and its delivery; counts are None if the night stopped before."""

    run_id: int
    run_date: date
    destination: str
    is_dry_run: bool
    stopped_by: str | None
    answer: str | None
    is_delivered: bool
    planned: int | None
    sent: int | None
    confirmed: int | None
    rejected: int | None


@dataclass(frozen=True, slots=True)
class Deliveries:
    """The lists of the last plan, those no longer in the file, what was read back, doubts, and runs of the range."""

    audiences: list[Audience]
    removed_audiences: list[Audience]
    read_back: list[ReadBack]
    doubts: list[Doubt]
    runs: list[Run]

    @property
    def last(self) -> Run | None:
        """The last run that was not a dry run."""
        return next((run for run in self.runs if not run.is_dry_run), None)


def read(marts: Marts, settings: Settings, filters: Filters) -> Deliveries:
    """Audiences and what was read back as of the end of the range, doubts and runs within it."""
    days = {"start": filters.start, "end": filters.end}
    audiences = marts.rows(Audience, AUDIENCES, **days)
    return Deliveries(
        [audience for audience in audiences if not audience.is_removed],
        [audience for audience in audiences if audience.is_removed],
        marts.rows(ReadBack, READ_BACK, **days),
        marts.rows(Doubt, DOUBTS, **days, timezone=settings.timezone, limit=MAX_DOUBTS),
        marts.rows(Run, RUNS, **days, limit=MAX_RUNS),
    )
