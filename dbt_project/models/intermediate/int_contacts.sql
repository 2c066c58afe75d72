with
    contacts as (
        select
            email,
            first_name,
            last_name,
            country,
            {{ business_day("created_at", literal(var("lifecycle")["timezone"])) }} as created_on,
            row_number() over (partition by email order by created_at, contact_id) as position
        from {{ ref("stg_sendgrid__contacts") }}
        where not is_deleted and email is not null
    )

select email, first_name, last_name, country, created_on
from contacts
where position = 1 and created_on <= {{ run_date() }}
