with
    days as (select person_id, business_day, orders, net from {{ ref("purchase_days") }}),

    firsts as (
        select person_id, cast({{ dbt.date_trunc("month", "first_order_on") }} as date) as cohort_month
        from {{ ref("int_purchase_totals") }}
    ),

    sizes as (select cohort_month, count(*) as persons from firsts group by cohort_month),

    months as (
        select
            firsts.cohort_month,
            cast({{ dbt.date_trunc("month", "days.business_day") }} as date) as month,
            count(distinct days.person_id) as buyers,
            sum(days.orders) as orders,
            sum(days.net) as revenue
        from days
        inner join firsts on firsts.person_id = days.person_id
        group by firsts.cohort_month, cast({{ dbt.date_trunc("month", "days.business_day") }} as date)
    ),

    -- a month without a single purchase is one with nobody retained
    calendar as (
        select distinct cast({{ dbt.date_trunc("month", "spine.day") }} as date) as month
        from
            (
                {{
                    days_from(
                        "(select min(first_order_on) from " ~ ref("int_purchase_totals") ~ ")", run_date()
                    )
                }}
            ) as spine
    ),

    grid as (
        select sizes.cohort_month, sizes.persons, calendar.month
        from sizes
        inner join calendar on calendar.month >= sizes.cohort_month
    )

select
    grid.cohort_month,
    grid.month,
    cast({{ dbt.datediff("grid.cohort_month", "grid.month", "month") }} as integer) as months_since,
    cast(grid.persons as integer) as persons,
    cast(coalesce(months.buyers, 0) as integer) as buyers,
    round(1.0 * coalesce(months.buyers, 0) / grid.persons, 4) as retention,
    cast(coalesce(months.orders, 0) as integer) as orders,
    coalesce(months.revenue, 0) as revenue,
    sum(coalesce(months.revenue, 0)) over (
        partition by grid.cohort_month order by grid.month rows between unbounded preceding and current row
    ) as revenue_to_date
from grid
left join months on months.cohort_month = grid.cohort_month and months.month = grid.month
