select person_id, email, {{ contact_fields() }} as fields
from {{ ref("customers") }}
where consent_state = 'granted' and email is not null
