{%- set sums = ["concerned"] + due_statuses() %}

with
    catalogue as (select * from {{ ref("contact_scenarios") }}),

    due as (
        select
            scenario,
            {{ month_of("day") }} as month,
            {%- for name in sums %} sum({{ name }}) as {{ name }}{{ "," if not loop.last }} {%- endfor %}
        from {{ ref("contact_gap_daily") }}
        group by scenario, {{ month_of("day") }}
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
            reached.month,
            catalogue.is_measured,
            catalogue.recognised_by,
            catalogue.audience,
            {%- for name in sums %} coalesce(due.{{ name }}, 0) as {{ name }}, {%- endfor %}
            reached.not_due,
            reached.contacts,
            reached.opened,
            reached.clicked,
            reached.purchased
        from catalogue
        inner join {{ ref("int_scenario_months") }} as reached on reached.scenario = catalogue.scenario
        left join due on due.scenario = reached.scenario and due.month = reached.month
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
    counted.not_due,
    counted.contacts,
    counted.opened,
    counted.clicked,
    counted.purchased,
    {{ measuring("response_days") }} as response_days,
    {{
        gap_verdict(
            "counted.recognised_by",
            "counted.is_measured",
            "counted.contacts",
            "counted.contacted_in_time",
            "counted.contacted_late",
            "counted.pending",
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
