with
    transitions as (select * from {{ ref("stage_transitions") }} where occurred_on <= {{ run_date() }}),

    first_day as (select min(occurred_on) as day from transitions),

    days as (select spine.day from ({{ days_from("(select day from first_day)", run_date()) }}) as spine),

    stages as (
        {% for stage in ["prospect", "new", "active", "at_risk", "lapsed", "lost"] %}
            select '{{ stage }}' as stage {{ "union all" if not loop.last }}
        {% endfor %}
    ),

    entries as (
        select occurred_on as day, to_stage as stage, count(*) as persons
        from transitions
        group by occurred_on, to_stage
    ),

    exits as (
        select occurred_on as day, from_stage as stage, count(*) as persons
        from transitions
        where from_stage is not null
        group by occurred_on, from_stage
    ),

    movements as (
        select
            days.day,
            stages.stage,
            coalesce(entries.persons, 0) as entered,
            coalesce(exits.persons, 0) as left_count
        from days
        cross join stages
        left join entries on entries.day = days.day and entries.stage = stages.stage
        left join exits on exits.day = days.day and exits.stage = stages.stage
    ),

    balances as (
        select
            movements.*,
            sum(entered - left_count) over (
                partition by stage order by day rows between unbounded preceding and current row
            ) as persons
        from movements
    )

select
    day,
    stage,
    cast(persons - entered + left_count as integer) as opening,
    cast(entered as integer) as entered,
    cast(left_count as integer) as {{ adapter.quote("left") }},
    cast(persons as integer) as persons
from balances
