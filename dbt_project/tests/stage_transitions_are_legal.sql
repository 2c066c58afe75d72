{#
    Of those derived tonight: a purchase leads to new or active, time only leads onwards, and nobody enters as an old
    customer.
#}
select subject_id, ruleset, valid_from, previous_stage, stage, cause
from {{ ref("int_stage_intervals") }}
where
    subject_id in (select affected.subject_id from {{ ref("int_affected_subjects") }} as affected)
    and not coalesce(
        (cause = 'entry' and previous_stage is null and stage in ('prospect', 'new'))
        or (cause = 'purchase' and previous_stage = 'prospect' and stage = 'new')
        or (
            cause = 'purchase' and previous_stage in ('new', 'at_risk', 'lapsed', 'lost') and stage = 'active'
        )
        or (cause = 'time' and previous_stage = 'new' and stage in ('active', 'at_risk'))
        or (cause = 'time' and previous_stage = 'active' and stage = 'at_risk')
        or (cause = 'time' and previous_stage = 'at_risk' and stage = 'lapsed')
        or (cause = 'time' and previous_stage = 'lapsed' and stage = 'lost'),
        false
    )
