-- the movements are complete when the intervals are
-- depends_on: {{ ref("int_stage_intervals") }}
with
    movements as (
        select *
        from {{ ref("int_stage_movements") }}
        where subject_kind = 'person' and occurred_on <= {{ run_date() }} and subjects <> 0
    ),

    first_day as (select min(occurred_on) as day from movements),

    days as (select spine.day from ({{ days_from("(select day from first_day)", run_date()) }}) as spine),

    stages as (
        {% for ruleset in var("lifecycle")["stages"]["rulesets"] %}
            {% set outer = loop %}
            {% for stage in ["prospect", "new", "active", "at_risk", "lapsed", "lost"] %}
                select
                    {{ literal(ruleset) }} as ruleset,
                    '{{ stage }}' as stage
                    {{ "union all" if not (loop.last and outer.last) }}
            {% endfor %}
        {% endfor %}
    ),

    entries as (
        select ruleset, occurred_on as day, to_stage as stage, sum(subjects) as persons
        from movements
        group by ruleset, occurred_on, to_stage
    ),

    exits as (
        select ruleset, occurred_on as day, from_stage as stage, sum(subjects) as persons
        from movements
        where from_stage <> 'none'
        group by ruleset, occurred_on, from_stage
    ),

    flows as (
        select
            stages.ruleset,
            days.day,
            stages.stage,
            coalesce(entries.persons, 0) as entered,
            coalesce(exits.persons, 0) as left_count
        from days
        cross join stages
        left join
            entries
            on entries.ruleset = stages.ruleset
            and entries.day = days.day
            and entries.stage = stages.stage
        left join
            exits on exits.ruleset = stages.ruleset and exits.day = days.day and exits.stage = stages.stage
    ),

    balances as (
        select
            flows.*,
            sum(entered - left_count) over (
                partition by ruleset, stage order by day rows between unbounded preceding and current row
            ) as persons
        from flows
    )

select
    ruleset,
    day,
    stage,
    cast(persons - entered + left_count as integer) as opening,
    cast(entered as integer) as entered,
    cast(left_count as integer) as {{ adapter.quote("left") }},
    cast(persons as integer) as persons
from balances
