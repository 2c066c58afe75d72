with
    contacts as (
        select
            identity_id,
            first_name,
            last_name,
            country,
            row_number() over (partition by identity_id order by created_at, contact_id) as position
        from {{ ref("int_esp_contacts") }}
        where
            not is_deleted
            and email is not null
            and {{ business_day("created_at", literal(settings()["timezone"])) }} <= {{ run_date() }}
    )

select identity_id, first_name, last_name, country
from contacts
where position = 1
