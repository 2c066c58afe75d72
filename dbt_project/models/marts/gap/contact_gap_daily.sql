{{
    config(
        materialized="incremental",
        incremental_strategy="open_months",
        unique_key="day",
        on_schema_change="fail",
    )
}}

select
    scenario,
    day,
    audience,
    standing,
    exclusion,
    cast(count(case when status <> 'not_due' then 1 end) as integer) as concerned,
    {%- for status in due_statuses() %}
        cast(count(case when status = '{{ status }}' then 1 end) as integer) as {{ status }},
    {%- endfor %}
    cast(count(case when status = 'not_due' then 1 end) as integer) as not_due
from {{ ref("int_scenario_outcomes") }}
group by scenario, day, audience, standing, exclusion
