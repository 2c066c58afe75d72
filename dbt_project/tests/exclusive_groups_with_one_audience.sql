-- Of the audiences of one exclusive group, a person who may be written to is in one at most.
select audiences.exclusive_group, decisions.person_id
from {{ ref("audience_decisions") }} as decisions
inner join {{ ref("stg_settings__audiences") }} as audiences on audiences.audience = decisions.audience
where audiences.exclusive_group is not null and decisions.outcome <> 'excluded'
group by audiences.exclusive_group, decisions.person_id
having count(*) > 1
