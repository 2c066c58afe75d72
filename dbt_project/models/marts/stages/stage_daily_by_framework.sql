{%- set keys = ["framework", "ruleset"] -%}

-- the movements are complete when the intervals are
-- depends_on: {{ ref("int_stage_intervals") }}
with
    phases as (select framework, stage, phase from {{ ref("int_framework_phases") }} where not is_vip),

    stage_movements as (
        select ruleset, occurred_on as day, from_stage, to_stage, sum(subjects) as persons
        from {{ ref("int_stage_movements") }}
        where subject_kind = 'person' and occurred_on <= {{ run_date() }}
        group by ruleset, occurred_on, from_stage, to_stage
    ),

    -- two stages of one phase: nobody moves
    movements as (
        select
        into_phase.framework,
        stage_movements.ruleset,
        stage_movements.day,
        from_phase.phase as from_phase,
        into_phase.phase as to_phase,
        stage_movements.persons
        from stage_movements
        inner join phases as into_phase on into_phase.stage = stage_movements.to_stage
        left join
            phases as from_phase
            on from_phase.framework = into_phase.framework
            and from_phase.stage = stage_movements.from_stage
        where from_phase.phase is null or from_phase.phase <> into_phase.phase
    ),

    days as (select distinct ruleset, day from {{ ref("stage_daily") }}),

    grid as (
        select names.framework, days.ruleset, days.day, names.phase
        from days
        cross join (select distinct framework, phase from phases) as names
    ),

    {{ running_balances(keys, "phase") }}

select {{ balance_columns(keys, "phase") }}
from balances
