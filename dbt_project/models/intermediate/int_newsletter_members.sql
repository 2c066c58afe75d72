with
    members as (
        select email, {{ business_day("created_at", literal(var("lifecycle")["timezone"])) }} as joined_on
        from {{ ref("stg_sendgrid__list_members") }}
        where
            not is_deleted
            and email is not null
            and list_name in ({{ literals(var("lifecycle")["esp"].get("opt_in_lists", [])) }})
    )

select email, min(joined_on) as joined_on
from members
where joined_on <= {{ run_date() }}
group by email
