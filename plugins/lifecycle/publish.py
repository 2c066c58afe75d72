"""Close a night: its figures, from the marts and from ``delivery``, stored with the run for all to read."""

from datetime import date, timedelta
from typing import Any

from psycopg import sql
from psycopg.types.json import Jsonb

from lifecycle import warehouse

STAGES = """
select coalesce(jsonb_object_agg(stage, persons), '{}')
from $marts.stage_daily where ruleset = %(ruleset)s and day = %(run_date)s
"""

TRANSITIONS = """
select coalesce(jsonb_object_agg(move, persons), '{}') from (
    select coalesce(from_stage, 'none') || '->' || to_stage as move, count(*) as persons
    from $marts.stage_transitions
    where ruleset = %(ruleset)s and occurred_on between coalesce(%(since)s, '-infinity'::date) and %(run_date)s
    group by move
) as moves
"""

AUDIENCES = """
select coalesce(jsonb_object_agg(audience, jsonb_build_object(
    'members', members, 'added', added, 'removed', removed, 'held_out', held_out)), '{}')
from $delivery.audience where run_id = %(run_id)s
"""

READ_BACK = """
select coalesce(jsonb_object_agg(list_name, found), '{}')
from $delivery.reconciliation where run_id = %(run_id)s
"""


DELIVERY = """
select jsonb_build_object('planned', planned, 'sent', sent, 'confirmed', confirmed, 'rejected', rejected)
from $delivery.run_figures where run_id = %(run_id)s
"""

#: What is deleted of an old run, children first. The ledger, open memberships and the last refusals stay.
OLD = """
with old as (select run_id from $delivery.run where run_date < %(before)s)
delete from $delivery.{table} where {run} in (table old) {but}
"""
DELETED = (
    ("drift", "run_id", ""),
    ("reconciliation", "run_id", ""),
    (
        "job_row",
        "run_id",
        "and job_id in (select job_id from $delivery.job where status not in ('intended', 'submitted'))",
    ),
    ("job", "run_id", "and status not in ('intended', 'submitted')"),
    ("plan", "run_id", "and not exists (select from $delivery.job where job.run_id = plan.run_id)"),
    ("audience", "run_id", ""),
    ("decision", "until_run", ""),
    ("membership", "left_run", ""),
    (
        "reject",
        "run_id",
        """and exists (
            select from $delivery.reject as later where later.account_id = reject.account_id
                and later.person_id = reject.person_id and later.rejected_at > reject.rejected_at)""",
    ),
)


def run(url: str, run_id: int, run_date: date, ruleset: str) -> dict[str, Any]:
    """Store and return the night's summary.

    Stages are by one rule set, that for everybody: ``stages`` {stage: persons}, ``transitions`` {"from->to": persons}
    in all history up to that night, with "none" before an entry, ``last_night`` the same for that day alone. Beside
    them ``audiences``, ``delivery``, ``esp`` {list: contacts read back}.
    """
    with warehouse.connect(url) as connection:

        def figures(query: str, since: date | None = None) -> Any:
            values = {"run_id": run_id, "run_date": run_date, "ruleset": ruleset, "since": since}
            row = connection.execute(query, values).fetchone()
            return row[0] if row else {}

        summary = {
            "date": run_date.isoformat(),
            "stages": figures(STAGES),
            "transitions": figures(TRANSITIONS),
            "last_night": figures(TRANSITIONS, since=run_date),
            "audiences": figures(AUDIENCES),
            "delivery": figures(DELIVERY),
            "esp": figures(READ_BACK),
        }
        connection.execute("update $delivery.run set summary = %s where run_id = %s", [Jsonb(summary), run_id])
    return summary


def clear_old_records(url: str, run_date: date, days: int) -> None:
    """Delete the records of runs for dates, and of views of persons, more than ``days`` before ``run_date``."""
    with warehouse.connect(url) as connection:
        before = run_date - timedelta(days=days)
        connection.execute("delete from $access.person_view where viewed_at < %s", [before])
        connection.execute("delete from $delivery.doubt where noticed_at < %s", [before])
        for table, run, but in DELETED:
            statement = sql.SQL(OLD).format(table=sql.Identifier(table), run=sql.Identifier(run), but=sql.SQL(but))
            connection.execute(statement, {"before": before})
