with
    ranked as (
        select
            identity,
            first_name,
            last_name,
            country,
            is_purchase,
            lead_product_id,
            lead_product_name,
            row_number() over (
                partition by identity order by is_purchase desc, created_at desc, order_id desc
            ) as position
        from {{ ref("int_orders") }}
        where identity is not null
    )

select identity, first_name, last_name, country, is_purchase, lead_product_id, lead_product_name
from ranked
where position = 1
