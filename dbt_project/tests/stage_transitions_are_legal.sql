-- A purchase leads to new or active, time only leads onwards, and nobody enters as an
-- old customer.
select transition_id, from_stage, to_stage, cause
from {{ ref("stage_transitions") }}
where
    not (
        (cause = 'entry' and from_stage is null and to_stage in ('prospect', 'new'))
        or (cause = 'purchase' and from_stage = 'prospect' and to_stage = 'new')
        or (cause = 'purchase' and from_stage in ('new', 'at_risk', 'lapsed', 'lost') and to_stage = 'active')
        or (cause = 'time' and from_stage = 'new' and to_stage in ('active', 'at_risk', 'lapsed', 'lost'))
        or (cause = 'time' and from_stage = 'active' and to_stage in ('at_risk', 'lapsed', 'lost'))
        or (cause = 'time' and from_stage = 'at_risk' and to_stage in ('lapsed', 'lost'))
        or (cause = 'time' and from_stage = 'lapsed' and to_stage = 'lost')
    )
    or (from_stage is null and cause <> 'entry')
