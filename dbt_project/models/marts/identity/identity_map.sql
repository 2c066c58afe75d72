{{
    config(
        materialized="incremental",
        incremental_strategy="versions",
        unique_key="customer_id",
        on_schema_change="fail",
        full_refresh=false,
    )
}}

with
    customers as (
        select customer_id, shop, customer_number, identity_id, person_id from {{ ref("int_shop_customers") }}
    )

select
    customers.customer_id,
    {% if is_incremental() %} coalesce(known.version, 0) + 1 as version,
    {% else %} 1 as version,
    {% endif %}
    customers.shop,
    customers.customer_number,
    customers.identity_id,
    customers.person_id,
    {{ run_date() }} as known_from,
    cast(null as date) as known_to
from customers
{% if is_incremental() %}
    left join {{ this }} as known on known.customer_id = customers.customer_id and known.known_to is null
    where
        customers.person_id is not null
        and (
            known.customer_id is null
            or (
                known.known_from <= {{ run_date() }}
                and (known.person_id <> customers.person_id or known.identity_id <> customers.identity_id)
            )
        )
{% else %} where customers.person_id is not null
{% endif %}
