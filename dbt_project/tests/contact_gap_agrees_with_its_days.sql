-- The sums of the days are those of the months.
{%- set sums = ["concerned", "contacted_in_time", "contacted_late", "pending", "not_contacted", "held_out"] %}
with
    days as (
        select
            scenario,
            {{ month_of("day") }} as month,
            {%- for name in sums %} sum({{ name }}) as {{ name }}{{ "," if not loop.last }} {%- endfor %}
        from {{ ref("contact_gap_daily") }}
        group by scenario, {{ month_of("day") }}
    )

select gap.scenario, gap.month
from {{ ref("contact_gap") }} as gap
full join days on days.scenario = gap.scenario and days.month = gap.month
where
    gap.scenario is null
    {%- for name in sums %} or gap.{{ name }} <> coalesce(days.{{ name }}, 0) {%- endfor %}
