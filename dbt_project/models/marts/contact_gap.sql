{%- set sums = [
    "concerned",
    "contacted_in_time",
    "contacted_late",
    "pending",
    "not_contacted",
    "held_out",
    "not_contactable",
] %}

with
    catalogue as (select * from {{ ref("scenario_catalogue") }}),

    months as (
        select distinct {{ month_of("spine.day") }} as month
        from ({{ days_from(measured_from(), run_date()) }}) as spine
    ),

    due as (
        select
            scenario,
            {{ month_of("day") }} as month,
            {%- for name in sums %} sum({{ name }}) as {{ name }}{{ "," if not loop.last }} {%- endfor %}
        from {{ ref("contact_gap_daily") }}
        group by scenario, {{ month_of("day") }}
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
    ),

    -- what a contact brings, where the experiment has shown that it brings anything
    effects as (
        select audience, lift, always_low, always_high, contacted, held_out
        from {{ ref("audience_effects") }}
        where metric = 'revenue' and verdict = 'higher'
    ),

    counted as (
        select
            catalogue.scenario,
            months.month,
            catalogue.is_measured,
            catalogue.channel,
            catalogue.recognised_by,
            catalogue.audience,
            {%- for name in sums %} coalesce(due.{{ name }}, 0) as {{ name }}, {%- endfor %}
            case when catalogue.is_measured then coalesce(reached.not_due, 0) else 0 end as not_due,
            coalesce(reached.contacts, 0) as contacts,
            coalesce(responded.opened, 0) as opened,
            coalesce(responded.clicked, 0) as clicked,
            coalesce(responded.purchased, 0) as purchased
        from catalogue
        cross join months
        left join due on due.scenario = catalogue.scenario and due.month = months.month
        left join reached on reached.scenario = catalogue.scenario and reached.month = months.month
        left join responded on responded.scenario = catalogue.scenario and responded.month = months.month
    )

select
    counted.scenario,
    counted.month,
    {%- for name in sums %} cast(counted.{{ name }} as integer) as {{ name }}, {%- endfor %}
    cast(
        counted.contacted_in_time
        + counted.contacted_late
        + counted.pending
        + counted.not_contacted as integer
    ) as due,
    cast(counted.not_due as integer) as not_due,
    cast(counted.contacts as integer) as contacts,
    cast(case when counted.channel = 'email' then counted.opened end as integer) as opened,
    cast(case when counted.channel = 'email' then counted.clicked end as integer) as clicked,
    cast(counted.purchased as integer) as purchased,
    {{ measuring("response_days") }} as response_days,
    {{
        gap_verdict(
            "counted.recognised_by",
            "counted.is_measured",
            "counted.contacts",
            "counted.contacted_in_time",
            "counted.contacted_late",
            "counted.not_contacted",
        )
    }} as verdict,
    round(counted.not_contacted * effects.lift, 2) as worth,
    round(counted.not_contacted * effects.always_low, 2) as worth_low,
    round(counted.not_contacted * effects.always_high, 2) as worth_high,
    effects.audience as worth_audience,
    cast(effects.contacted as integer) as worth_contacted,
    cast(effects.held_out as integer) as worth_held_out
from counted
left join effects on effects.audience = counted.audience and counted.is_measured
