{#
    Cohorts month by month, up to the run date's, from the CTEs `days` (the keys, person_id, business_day, orders, net)
    and `firsts` (the keys, person_id, cohort_month).
#}
{% macro cohort_months(keys=[]) -%}
    {%- set prefix = (keys | join(", ")) ~ ", " if keys else "" -%}
    sizes as (
        select {{ prefix }} cohort_month, count(*) as persons from firsts group by {{ prefix }} cohort_month
    ),

    months as (
        select
            {% for key in keys %} days.{{ key }},{% endfor %}
            firsts.cohort_month,
            cast({{ dbt.date_trunc("month", "days.business_day") }} as date) as month,
            count(distinct days.person_id) as buyers,
            sum(days.orders) as orders,
            sum(days.net) as revenue
        from days
        inner join
            firsts on firsts.person_id = days.person_id
            {%- for key in keys %} and firsts.{{ key }} = days.{{ key }}{% endfor %}
        group by
            {% for key in keys %} days.{{ key }},{% endfor %}
            firsts.cohort_month,
            cast({{ dbt.date_trunc("month", "days.business_day") }} as date)
    ),

    -- a month without a single purchase is one with nobody retained
    calendar as (
        select distinct cast({{ dbt.date_trunc("month", "spine.day") }} as date) as month
        from ({{ days_from("(select min(cohort_month) from sizes)", run_date()) }}) as spine
    ),

    grid as (
        select sizes.*, calendar.month from sizes inner join calendar on calendar.month >= sizes.cohort_month
    )

    select
        {% for key in keys %} grid.{{ key }},{% endfor %}
        grid.cohort_month,
        grid.month,
        cast({{ dbt.datediff("grid.cohort_month", "grid.month", "month") }} as integer) as months_since,
        cast(grid.persons as integer) as persons,
        cast(coalesce(months.buyers, 0) as integer) as buyers,
        round(1.0 * coalesce(months.buyers, 0) / grid.persons, 4) as retention,
        cast(coalesce(months.orders, 0) as integer) as orders,
        coalesce(months.revenue, 0) as revenue,
        sum(coalesce(months.revenue, 0)) over (
            partition by {% for key in keys %} grid.{{ key }},{% endfor %} grid.cohort_month
            order by grid.month
            rows between unbounded preceding and current row
        ) as revenue_to_date
    from grid
    left join
        months on months.cohort_month = grid.cohort_month and months.month = grid.month
        {%- for key in keys %} and months.{{ key }} = grid.{{ key }}{% endfor %}
{%- endmacro %}
