-- the movements are complete when the intervals are
-- depends_on: {{ ref("int_stage_intervals") }}
with
    phases as (select framework, stage, phase from {{ ref("int_framework_phases") }} where not is_vip),

    movements as (
        select ruleset, occurred_on as day, from_stage, to_stage, sum(subjects) as persons
        from {{ ref("int_stage_movements") }}
        where subject_kind = 'person' and occurred_on <= {{ run_date() }}
        group by ruleset, occurred_on, from_stage, to_stage
    ),

    -- two stages of one phase: nobody moves
    moves as (
        select
        into_phase.framework,
        movements.ruleset,
        movements.day,
        from_phase.phase as from_phase,
        into_phase.phase as to_phase,
        movements.persons
        from movements
        inner join phases as into_phase on into_phase.stage = movements.to_stage
        left join
            phases as from_phase
            on from_phase.framework = into_phase.framework
            and from_phase.stage = movements.from_stage
        where from_phase.phase is null or from_phase.phase <> into_phase.phase
    ),

    entries as (
        select framework, ruleset, day, to_phase as phase, sum(persons) as persons
        from moves
        group by framework, ruleset, day, to_phase
    ),

    exits as (
        select framework, ruleset, day, from_phase as phase, sum(persons) as persons
        from moves
        where from_phase is not null
        group by framework, ruleset, day, from_phase
    ),

    days as (select distinct ruleset, day from {{ ref("stage_daily") }}),

    grid as (
        select names.framework, days.ruleset, days.day, names.phase
        from days
        cross join (select distinct framework, phase from phases) as names
    ),

    flows as (
        select
            grid.framework,
            grid.ruleset,
            grid.day,
            grid.phase,
            coalesce(entries.persons, 0) as entered,
            coalesce(exits.persons, 0) as left_count
        from grid
        left join
            entries
            on entries.framework = grid.framework
            and entries.ruleset = grid.ruleset
            and entries.day = grid.day
            and entries.phase = grid.phase
        left join
            exits
            on exits.framework = grid.framework
            and exits.ruleset = grid.ruleset
            and exits.day = grid.day
            and exits.phase = grid.phase
    ),

    balances as (
        select
            flows.*,
            sum(entered - left_count) over (
                partition by framework, ruleset, phase
                order by day
                rows between unbounded preceding and current row
            ) as persons
        from flows
    )

select
    framework,
    ruleset,
    day,
    phase,
    cast(persons - entered + left_count as integer) as opening,
    cast(entered as integer) as entered,
    cast(left_count as integer) as {{ adapter.quote("left") }},
    cast(persons as integer) as persons
from balances
