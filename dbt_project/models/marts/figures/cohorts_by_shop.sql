with
    days as (
        select shop, person_id, business_day, orders, net
        from {{ ref("purchase_days") }}
        where {{ literal(has_several_shops()) }}
    ),

    firsts as (
        select
            shop, person_id, cast({{ dbt.date_trunc("month", "min(business_day)") }} as date) as cohort_month
        from days
        group by shop, person_id
    ),

    {{ cohort_months(["shop"]) }}
