"""Audiences and deliveries."""

from dataclasses import dataclass
from datetime import date

from lifecycle.page.filters import Filters
from lifecycle.page.marts import Marts

MAX_RUNS = 14

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
    coalesce(refused.rejected, 0)::bigint as rejected
from $delivery.audience as now
left join $delivery.audience as night on night.audience = now.audience and night.run_id = (select run_id from before)
left join $delivery.audience as beginning
    on beginning.audience = now.audience and beginning.run_id = (select run_id from first_run)
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


@dataclass(frozen=True, slots=True)
class Audience:
    """One list in the last plan; ``change`` is since the night before, None if the list is new."""

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
    """The lists of the last plan, and the last runs of the range."""

    audiences: list[Audience]
    runs: list[Run]

    @property
    def last(self) -> Run | None:
        """The last run that was not a dry run."""
        return next((run for run in self.runs if not run.is_dry_run), None)


def read(marts: Marts, filters: Filters) -> Deliveries:
    """Audiences as of the end of the range, runs within it."""
    days = {"start": filters.start, "end": filters.end}
    return Deliveries(marts.rows(Audience, AUDIENCES, **days), marts.rows(Run, RUNS, **days, limit=MAX_RUNS))
