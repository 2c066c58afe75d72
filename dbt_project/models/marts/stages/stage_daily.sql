{%- set keys = ["ruleset"] -%}

-- the movements are complete when the intervals are
-- depends_on: {{ ref("int_stage_intervals") }}
with
    movements as (
        select ruleset, occurred_on as day, from_stage, to_stage, subjects as persons
        from {{ ref("int_stage_movements") }}
        where subject_kind = 'person' and occurred_on <= {{ run_date() }} and subjects <> 0
    ),

    first_day as (select min(day) as day from movements),

    days as (select spine.day from ({{ days_from("(select day from first_day)", run_date()) }}) as spine),

    stages as ({{ stages_of_rulesets() }}),

    grid as (select stages.ruleset, days.day, stages.stage from days cross join stages),

    {{ running_balances(keys, "stage") }}

select {{ balance_columns(keys, "stage") }}
from balances
