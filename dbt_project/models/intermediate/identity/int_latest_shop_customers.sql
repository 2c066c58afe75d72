with
    ranked as (
        select
            person_id,
            first_name,
            last_name,
            country,
            postcode,
            row_number() over (
                partition by person_id order by registered_on desc, customer_id desc
            ) as position
        from {{ ref("int_shop_customers") }}
        where is_known and registered_on is not null
    )

select person_id, first_name, last_name, country, postcode
from ranked
where position = 1
