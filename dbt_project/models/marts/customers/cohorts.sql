with
    days as (select person_id, business_day, orders, net from {{ ref("purchase_days") }}),

    firsts as (
        select person_id, cast({{ dbt.date_trunc("month", "first_order_on") }} as date) as cohort_month
        from {{ ref("int_purchase_totals") }}
    ),

    {{ cohort_months() }}
