{{ config(materialized="view") }}

{#- how many days back any rule looks: further back, nothing is counted -#}
{%- set rules = settings() -%}
{%- set cap_days = (rules.get("contact_cap") or {}).get("days", 0) -%}
{%- set sorting_lists = [] -%}
{%- set looks_back = [cap_days] -%}
{%- for audience in rules["audiences"].values() -%}
    {%- do looks_back.append(audience.get("min_days_since_contact") or 0) -%}
    {%- if not audience.get("is_contact", true) -%}
        {%- do sorting_lists.append(audience["list"]) -%}
    {%- endif -%}
{%- endfor %}

{#
    Only contacts before the run date count, so that a night can be repeated. A message that a list's member gets is the
    same contact as coming onto the list: the greater of both numbers is what the person got.
#}
with
    messages as (
        select email, delivered_on as contacted_on
        from {{ ref("int_delivered_messages") }}
        where delivered_on is not null
    ),

    contacts as (
        select persons.person_id, messages.contacted_on, 1 as messages, 0 as entries
        from messages
        inner join {{ ref("int_persons") }} as persons on persons.email = messages.email
        union all
        select person_id, entered_on as contacted_on, 0 as messages, 1 as entries
        from {{ source("delivery", "membership") }}
        where
            not coalesce(is_repair, false)
            {% if sorting_lists %} and list_name not in ({{ literals(sorting_lists) }}) {% endif %}
    )

select
    person_id,
    cast(
        greatest(
            sum(case when contacted_on > {{ add_days(run_date(), -cap_days) }} then messages else 0 end),
            sum(case when contacted_on > {{ add_days(run_date(), -cap_days) }} then entries else 0 end)
        ) as integer
    ) as contacts_in_window,
    max(contacted_on) as last_contact_on
from contacts
where contacted_on > {{ add_days(run_date(), -(looks_back | max)) }} and contacted_on < {{ run_date() }}
group by person_id
