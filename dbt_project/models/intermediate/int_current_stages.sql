with
    intervals as (select * from {{ ref("stage_intervals") }}),

    current_intervals as (
        select *
        from intervals
        where valid_from <= {{ run_date() }} and (valid_to > {{ run_date() }} or valid_to is null)
    )

select
    current_intervals.person_id,
    current_intervals.stage,
    current_intervals.valid_from as stage_since,
    current_intervals.previous_stage,
    current_intervals.valid_to as next_transition_on,
    next_intervals.stage as next_stage
from current_intervals
left join
    intervals as next_intervals
    on next_intervals.person_id = current_intervals.person_id
    and next_intervals.valid_from = current_intervals.valid_to
