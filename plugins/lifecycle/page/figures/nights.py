"""Data quality: the checks of the last nights, and how fresh each source is."""

from dataclasses import dataclass
from datetime import date

from lifecycle.page.filters import Filters
from lifecycle.page.marts import Marts

MAX_NIGHTS = 14

LAST = "select run_date from $marts.stage_builds order by build_id desc limit 1"

GATES = """
select run_date, gate, count(*) filter (where success)::bigint as passed,
    count(*) filter (where not success and severity <> 'critical')::bigint as warnings,
    count(*) filter (where not success and severity = 'critical')::bigint as failed
from $quality.result
where run_date in (
    select distinct run_date from $quality.result where run_date <= %(end)s order by run_date desc limit %(limit)s)
group by run_date, gate
order by run_date desc, array_position(array['read_back', 'marts', 'dbt', 'raw'], gate)
"""
FAILURES = """
select run_date, gate, suite, expectation, column_name, severity, observed, threshold
from $quality.result
where not success and run_date in (
    select distinct run_date from $quality.result where run_date <= %(end)s order by run_date desc limit %(limit)s)
order by run_date desc, severity, gate, suite, expectation, column_name
"""
STREAMS = """
with latest as (
    select distinct on (source, stream) source, stream, run_date, documents, changed, cursor_at::date as newest_on
    from $raw.pull where run_date <= %(end)s order by source, stream, run_date desc
),
deletion_checks as (
    select distinct on (source, stream) source, stream, run_date as deletions_checked_on, vanished
    from $raw.deletion_check where run_date <= %(end)s order by source, stream, run_date desc
)
select source, stream, run_date, documents, changed, newest_on, deletions_checked_on, vanished,
    coalesce(reject_counts.rejected, 0)::bigint as rejected
from latest
left join deletion_checks using (source, stream)
left join $raw.reject_counts using (source, stream)
order by source, stream
"""


@dataclass(frozen=True, slots=True)
class Gate:
    """One gate of one night, as counts of checks."""

    run_date: date
    gate: str
    passed: int
    warnings: int
    failed: int


@dataclass(frozen=True, slots=True)
class Failure:
    """One check that did not pass."""

    run_date: date
    gate: str
    suite: str
    expectation: str
    column_name: str | None
    severity: str
    observed: str | None
    threshold: str | None


@dataclass(frozen=True, slots=True)
class Stream:
    """The last read of one stream."""

    source: str
    stream: str
    run_date: date
    documents: int
    changed: int
    newest_on: date | None
    deletions_checked_on: date | None
    vanished: int | None
    rejected: int


@dataclass(frozen=True, slots=True)
class Nights:
    """The last nights."""

    gates: list[Gate]
    failures: list[Failure]
    streams: list[Stream]

    def stale(self, last_night: date) -> list[Stream]:
        """Streams that the last night did not read."""
        return [stream for stream in self.streams if stream.run_date < last_night]


@dataclass(frozen=True, slots=True)
class _Night:
    run_date: date


def last_night(marts: Marts) -> date | None:
    """The run date of the marts; None before the first night."""
    rows = marts.rows(_Night, LAST)
    return rows[0].run_date if rows else None


def read(marts: Marts, filters: Filters) -> Nights:
    """Gates and streams up to the end of the range."""
    parameters = {"end": filters.end, "limit": MAX_NIGHTS}
    return Nights(
        marts.rows(Gate, GATES, **parameters),
        marts.rows(Failure, FAILURES, **parameters),
        marts.rows(Stream, STREAMS, end=filters.end),
    )
