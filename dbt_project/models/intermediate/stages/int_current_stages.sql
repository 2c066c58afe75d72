-- depends_on: {{ ref("stage_builds") }}
with
    intervals as (select * from {{ ref("int_stage_intervals") }}),

    rulesets as (select * from {{ ref("stg_settings__rulesets") }}),

    corrections as (
        select distinct subject_id, ruleset, occurred_on, stage
        from {{ ref("stage_corrections") }}
        where stage is not null and stage <> coalesce(believed_stage, '') and known_on <= {{ run_date() }}
    ),

    current_intervals as (
        select
            intervals.*,
            row_number() over (partition by intervals.subject_id order by rulesets.position) as position
        from intervals
        inner join rulesets on rulesets.ruleset = intervals.ruleset
        where
            intervals.valid_from <= {{ run_date() }}
            and (intervals.valid_to > {{ run_date() }} or intervals.valid_to is null)
    )

select
    current_intervals.subject_id,
    current_intervals.subject_kind,
    current_intervals.ruleset,
    current_intervals.stage,
    current_intervals.valid_from as stage_since,
    current_intervals.previous_stage,
    current_intervals.valid_to as next_transition_on,
    next_intervals.stage as next_stage,
    corrections.subject_id is not null as is_late_entry
from current_intervals
left join
    intervals as next_intervals
    on next_intervals.subject_id = current_intervals.subject_id
    and next_intervals.ruleset = current_intervals.ruleset
    and next_intervals.valid_from = current_intervals.valid_to
left join
    corrections
    on corrections.subject_id = current_intervals.subject_id
    and corrections.ruleset = current_intervals.ruleset
    and corrections.occurred_on = current_intervals.valid_from
    and corrections.stage = current_intervals.stage
where current_intervals.position = 1
