{{
    config(
        materialized="incremental",
        incremental_strategy="open_months",
        unique_key="month",
        on_schema_change="fail",
    )
}}

-- days are counted before the night is recorded as counted
-- depends_on: {{ ref("contact_gap_daily") }}
with
    catalogue as (select scenario, channel, is_measured from {{ ref("contact_scenarios") }}),

    months as (
        select distinct {{ month_of("spine.day") }} as month
        from ({{ days_from(recounted_from(), run_date()) }}) as spine
    ),

    -- people, who count once however often they were reached
    reached as (
        select
            scenario,
            {{ month_of("contacted_on") }} as month,
            count(distinct person_id) as contacts,
            count(distinct case when due_on is null then person_id end) as not_due
        from {{ ref("int_scenario_matches") }}
        group by scenario, {{ month_of("contacted_on") }}
    ),

    responded as (
        select
            scenario,
            month,
            count(case when is_opened then 1 end) as opened,
            count(case when is_clicked then 1 end) as clicked,
            count(case when is_purchased then 1 end) as purchased
        from {{ ref("int_scenario_responses") }}
        group by scenario, month
    )

select
    catalogue.scenario,
    months.month,
    cast(case when catalogue.is_measured then coalesce(reached.not_due, 0) else 0 end as integer) as not_due,
    cast(coalesce(reached.contacts, 0) as integer) as contacts,
    cast(case when catalogue.channel = 'email' then coalesce(responded.opened, 0) end as integer) as opened,
    cast(case when catalogue.channel = 'email' then coalesce(responded.clicked, 0) end as integer) as clicked,
    cast(coalesce(responded.purchased, 0) as integer) as purchased,
    {{ run_date() }} as counted_on,
    '{{ counted_by() if execute }}' as counted_by
from catalogue
cross join months
left join reached on reached.scenario = catalogue.scenario and reached.month = months.month
left join responded on responded.scenario = catalogue.scenario and responded.month = months.month
