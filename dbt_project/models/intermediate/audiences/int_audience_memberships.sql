{{ config(materialized="view") }}

-- What a night of the same date began or ended does not count, so that it can be repeated.
select audiences.audience, memberships.person_id, 'member' as outcome
from {{ source("delivery", "membership") }} as memberships
inner join {{ ref("stg_settings__audiences") }} as audiences on audiences.list_name = memberships.list_name
where
    memberships.entered_on < {{ run_date() }}
    and (memberships.left_on >= {{ run_date() }} or memberships.left_on is null)
union all
select audience, person_id, outcome
from {{ source("delivery", "decision") }}
where
    outcome = 'holdout' and since_on < {{ run_date() }} and (until_on >= {{ run_date() }} or until_on is null)
