"""What one could do instead of the project's models, on the rows of a generated shop."""

import subprocess
import sys
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import yaml

if TYPE_CHECKING:
    import pandas as pd

    from bench.stages import Shop

#: The shipped rules, written out: at risk after 21 days, lapsed after 42, lost after 90.
STATEMENT = """
create table marts.rival_intervals as
with moments as (
    select person_id, first_seen_on as day, 0 as is_purchase from intermediate.int_persons
    union all
    select person_id, business_day, 1 from marts.purchase_days
),
ordered as (
    select person_id, day,
        row_number() over line - 1 as ordinal,
        lag(day) over line as day_before,
        lead(day) over line as next_day
    from moments window line as (partition by person_id order by day, is_purchase)
),
turning as (
    select *,
        case when ordinal = 0 then null
            when ordinal = 1 then case when day_before < day then 'prospect' end
            when day - day_before > 90 then 'lost'
            when day - day_before > 42 then 'lapsed'
            when day - day_before > 21 then 'at_risk'
            when ordinal = 2 then 'new'
            else 'active' end as stage_before,
        next_day is null or next_day - day > 21 as is_overdue
    from ordered
    where ordinal < 3 or day - day_before > 21 or next_day is null or next_day - day > 21
),
runs as (
    select *,
        case when ordinal = 0 then next_day when is_overdue then day + 21 when ordinal = 1 then next_day
            else lead(day + 21) over (partition by person_id order by day, ordinal) end as run_ends_on
    from turning
)
select person_id as subject_id, 'person' as subject_kind, 'default' as ruleset, 0 as ruleset_version,
    step.stage, step.previous_stage, step.valid_from, step.valid_to, step.cause, ordinal::int as purchase_days_before
from runs cross join lateral (values
    (case ordinal when 0 then 'prospect' when 1 then 'new' else 'active' end, stage_before, day, run_ends_on,
        case when stage_before is null then 'entry' else 'purchase' end,
        case when ordinal = 0 then next_day is null or next_day > day
            else ordinal = 1 or stage_before <> 'active' end),
    ('at_risk', case ordinal when 1 then 'new' else 'active' end, day + 21, least(day + 42, next_day), 'time',
        ordinal > 0 and is_overdue),
    ('lapsed', 'at_risk', day + 42, least(day + 90, next_day), 'time',
        ordinal > 0 and (next_day is null or next_day - day > 42)),
    ('lost', 'lapsed', day + 90, next_day, 'time', ordinal > 0 and (next_day is null or next_day - day > 90))
) as step (stage, previous_stage, valid_from, valid_to, cause, happens)
where step.happens
"""

DIFFERENCE = """
select count(*) from (
    (select * from {one} except all select * from {other}) union all
    (select * from {other} except all select * from {one})
) as differing
"""

COUNTS = """
create table marts.rival_counts as
with movements as (
    select valid_from as day, previous_stage, stage, count(*) as persons
    from intermediate.int_stage_intervals
    where valid_from <= date '{last}'
    group by 1, 2, 3
),
changes as (
    select day, stage, persons from movements
    union all select day, previous_stage, -persons from movements where previous_stage is not null
),
daily as (select day, stage, sum(persons) as change from changes group by 1, 2),
spine as (
    select day::date, stage
    from generate_series((select min(day) from daily), date '{last}', '1 day') as day
    cross join (select distinct stage from daily) as stages
)
select day, stage, sum(coalesce(change, 0)) over (partition by stage order by day) as persons
from spine left join daily using (day, stage)
"""

JOIN = """
create table marts.rival_join as
select valid_from + number as day, stage, count(*) as persons
from intermediate.int_stage_intervals
cross join lateral generate_series(0, least(valid_to, date '{last}' + 1) - valid_from - 1) as number
where valid_from <= date '{last}'
group by 1, 2
"""

SNAPSHOT = """{% snapshot stages_tonight %}
{{ config(target_schema="snapshots", unique_key="person_id", strategy="check", check_cols=["stage"]) }}
select person_id,
    case when last_on is null then 'prospect'
        when date '{{ var("night") }}' - last_on >= 90 then 'lost'
        when date '{{ var("night") }}' - last_on >= 42 then 'lapsed'
        when date '{{ var("night") }}' - last_on >= 21 then 'at_risk'
        when days = 1 then 'new'
        else 'active' end as stage
from intermediate.int_persons
left join (
    select person_id, max(business_day) as last_on, count(distinct business_day) as days
    from marts.purchase_days where business_day <= date '{{ var("night") }}' group by person_id
) as totals using (person_id)
{% endsnapshot %}
"""


def single_statement(shop: "Shop") -> float:
    """Seconds of the fastest single statement that gives all intervals; it must give the same rows."""
    shop.query("analyze marts.purchase_days, intermediate.int_persons")
    seconds = shop.timed(STATEMENT)
    ours, theirs = "intermediate.int_stage_intervals", "marts.rival_intervals"
    differing = shop.query(DIFFERENCE.format(one=ours, other=theirs))
    if differing:
        sys.exit(f"the single statement gives {differing} other rows")
    shop.query("drop table marts.rival_intervals")
    return seconds


def daily_counts(shop: "Shop") -> float:
    """Seconds for the daily counts of all years from the borders of all intervals."""
    return shop.timed(COUNTS.format(last=shop.night))


def persons_by_days(shop: "Shop") -> float:
    """Seconds for the same counts by joining persons with days; they must be the same."""
    seconds = shop.timed(JOIN.format(last=shop.night))
    counts = "(select day, stage, persons::bigint from marts.rival_counts where persons > 0)"
    differing = shop.query(DIFFERENCE.format(one=f"{counts} as counts", other="marts.rival_join"))
    if differing:
        sys.exit(f"the join gives {differing} other counts")
    return seconds


def pandas_groups(shop: "Shop") -> float:
    """Seconds that a loop over customers with pandas takes, from the rows in memory to the rows of intervals."""
    import pandas as pd

    with psycopg.connect(shop.url) as connection:
        cursor = connection.execute("select person_id::text, business_day from marts.purchase_days")
        days = pd.DataFrame(cursor.fetchall(), columns=["person", "day"])
    days["day"] = pd.to_datetime(days["day"])
    began = time.perf_counter()
    days.sort_values(["person", "day"]).groupby("person")["day"].apply(_intervals_of_one)
    return time.perf_counter() - began


def _intervals_of_one(days: "pd.Series[Any]") -> list[tuple[str, Any, Any]]:
    """What a pandas user would write for one customer; without entries before the first purchase."""
    found: list[tuple[str, Any, Any]] = []
    purchases = list(days)
    for number, day in enumerate(purchases):
        following = purchases[number + 1] if number + 1 < len(purchases) else None
        own = "new" if number == 0 else "active"
        for stage, begins, ends in ((own, 0, 21), ("at_risk", 21, 42), ("lapsed", 42, 90), ("lost", 90, None)):
            start = day + timedelta(days=begins)
            if following is not None and start >= following:
                break
            end = None if ends is None else day + timedelta(days=ends)
            end = following if end is None or (following is not None and following < end) else end
            if found and found[-1][0] == stage and found[-1][2] == start:
                found[-1] = (stage, found[-1][1], end)
            else:
                found.append((stage, start, end))
    return found


def dbt_snapshot(shop: "Shop") -> float:
    """Seconds that dbt takes for the second of two snapshots, a night apart: what it costs each night."""
    from bench.stages import TARGET
    from lifecycle import transform
    from lifecycle.settings import DBT_PROJECT

    project = TARGET.parent / "snapshot"
    (project / "snapshots").mkdir(parents=True, exist_ok=True)
    (project / "snapshots" / "stages.sql").write_text(SNAPSHOT)
    about = {"name": "rival", "version": "1.0", "profile": "lifecycle", "snapshot-paths": ["snapshots"]}
    (project / "dbt_project.yml").write_text(yaml.safe_dump(about))
    seconds = 0.0
    for nights in (1, 2):
        began = time.perf_counter()
        subprocess.run(  # noqa: S603 - our own
            [
                *(sys.executable, "-c", "from dbt.cli.main import cli; cli()", "snapshot", "--quiet"),
                *("--project-dir", str(project), "--profiles-dir", str(DBT_PROJECT)),
                *("--vars", f"{{night: '{shop.night + timedelta(days=nights)}'}}"),
            ],
            env=transform.environment(shop.url),
            check=True,
        )
        seconds = time.perf_counter() - began
    return seconds
