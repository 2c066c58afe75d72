{{
    config(
        materialized="incremental",
        incremental_strategy="subjects",
        unique_key="person_id",
        on_schema_change="fail",
        pre_hook="{{ prefer_index_scans() }}",
        post_hook="{{ analyze_if_all_is_new() }}",
    )
}}

-- depends_on: {{ ref("int_affected_subjects") }}
with
    purchases as (
        select
            person_id,
            shop,
            business_day,
            gross * exchange_rate as gross,
            refunded * exchange_rate as refunded
        from {{ ref("int_orders") }}
        where
            is_purchase
            and person_id is not null
            and business_day <= {{ run_date() }}
            and {{ is_affected("person_id") }}
    )

select
    person_id,
    shop,
    business_day,
    {{ literal(settings()["currency"]) }} as currency,
    cast(count(*) as integer) as orders,
    cast(count(gross) as integer) as priced_orders,
    cast(coalesce(sum(round(gross, 2)), 0) as {{ money() }}) as gross,
    cast(coalesce(sum(round(refunded, 2)), 0) as {{ money() }}) as refunded,
    cast(coalesce(sum(round(gross, 2) - round(refunded, 2)), 0) as {{ money() }}) as net
from purchases
group by person_id, shop, business_day
-- in the order of the key, which is filled much faster so
order by person_id, business_day, shop
