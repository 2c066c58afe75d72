{{ config(materialized="view") }}

-- What a night of the same date began or ended does not count, so that it can be repeated.
select audiences.audience, stays.person_id, 'member' as outcome
from {{ source("delivery", "membership") }} as stays
inner join {{ ref("stg_settings__audiences") }} as audiences on audiences.list_name = stays.list_name
where stays.entered_on < {{ run_date() }} and (stays.left_on >= {{ run_date() }} or stays.left_on is null)
union all
select audience, person_id, outcome
from {{ source("delivery", "decision") }}
where
    outcome = 'holdout' and since_on < {{ run_date() }} and (until_on >= {{ run_date() }} or until_on is null)
