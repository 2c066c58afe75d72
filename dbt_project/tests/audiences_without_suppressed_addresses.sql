-- Nobody whom the ESP suppresses is in an audience.
select members.audience, members.person_id
from {{ ref("audience_members") }} as members
inner join {{ ref("stg_sendgrid__suppressions") }} as suppressions on suppressions.email = members.email
where not suppressions.is_deleted
