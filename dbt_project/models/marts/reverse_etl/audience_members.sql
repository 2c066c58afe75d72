select
    decisions.audience,
    decisions.person_id,
    persons.email,
    decisions.list_name,
    decisions.priority,
    decisions.outcome = 'holdout' as is_holdout,
    decisions.reason
from {{ ref("audience_decisions") }} as decisions
inner join {{ ref("persons") }} as persons on persons.person_id = decisions.person_id
where decisions.outcome in ('member', 'holdout')
