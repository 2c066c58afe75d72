{#
    Of those derived tonight: each interval ends on the day on which the next one of the same rule set begins, names the
    stage before, and only the last one is open.
#}
with
    affected as (select subject_id from {{ ref("int_affected_subjects") }}),

    intervals as (
        select *
        from {{ ref("int_stage_intervals") }}
        where subject_id in (select affected.subject_id from affected)
    ),

    followed as (
        select
            intervals.*,
            lead(valid_from) over (partition by subject_id, ruleset order by valid_from) as next_valid_from,
            lag(stage) over (partition by subject_id, ruleset order by valid_from) as stage_before
        from intervals
    )

select subject_id, ruleset, valid_from
from followed
where
    (coalesce(valid_to <> next_valid_from, true) and not (valid_to is null and next_valid_from is null))
    or coalesce(previous_stage, '') <> coalesce(stage_before, '')
    or stage = stage_before
