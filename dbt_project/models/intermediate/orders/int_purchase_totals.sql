{{
    config(
        materialized="incremental",
        incremental_strategy="subjects",
        unique_key="person_id",
        on_schema_change="fail",
        indexes=[{"columns": ["person_id"], "unique": true}],
        pre_hook="{{ prefer_index_scans() }}",
        post_hook="{{ analyze_if_all_is_new() }}",
    )
}}

-- depends_on: {{ ref("int_affected_subjects") }}
with
    days as (
        select
            person_id,
            business_day,
            sum(orders) as orders,
            sum(priced_orders) as priced_orders,
            sum(net) as net
        from {{ ref("purchase_days") }}
        where {{ is_affected("person_id") }}
        group by person_id, business_day
    ),

    totals as (
        select
            person_id,
            min(business_day) as first_order_on,
            max(business_day) as last_order_on,
            count(*) as purchase_days,
            sum(orders) as orders,
            sum(priced_orders) as priced_orders,
            sum(net) as revenue,
            sum(case when net > 0 then 1 else 0 end) as valued_days,
            sum(case when net > 0 then net else 0 end) as valued_revenue
        from days
        group by person_id
    )

select
    person_id,
    first_order_on,
    last_order_on,
    cast(purchase_days as integer) as purchase_days,
    cast(orders as integer) as orders,
    cast(priced_orders as integer) as priced_orders,
    revenue,
    round(revenue / nullif(priced_orders, 0), 2) as average_order_value,
    cast(valued_days as integer) as valued_days,
    round(valued_revenue / nullif(valued_days, 0), 2) as average_day_value
from totals
