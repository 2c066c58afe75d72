-- Nobody whom a provider suppresses is in an audience.
select members.audience, members.person_id
from {{ ref("audience_members") }} as members
inner join {{ ref("int_esp_suppressions") }} as suppressions on suppressions.email = members.email
where not suppressions.is_deleted
