with
    ranked as (
        select
            identity,
            first_name,
            last_name,
            country,
            row_number() over (
                partition by identity order by registered_on desc, customer_id desc
            ) as position
        from {{ ref("int_accounts") }}
        where is_known and registered_on is not null
    )

select identity, first_name, last_name, country
from ranked
where position = 1
