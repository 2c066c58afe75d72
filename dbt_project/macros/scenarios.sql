{# The triggers of which every fact lands in the warehouse: who is due is counted. #}
{% macro measured_triggers() -%}
    {{ return(["enters_stage", "in_stage", "purchases", "is_won_back"]) }}
{%- endmacro %}

{# How a due can end, in the order of the figures. #}
{% macro due_statuses() -%}
    {{
        return(
            [
                "contacted_in_time",
                "contacted_late",
                "pending",
                "not_contacted",
                "held_out",
                "not_contactable",
            ]
        )
    }}
{%- endmacro %}

{#
    How a scenario ran in a month: from what carries it, and from how many of those due were contacted in time, late, not
    yet (pending), or not at all though their time is over. Null: nobody was due, or it is too early, since those who are
    pending may still make it live. The arguments are SQL expressions.
#}
{% macro gap_verdict(recognised_by, is_measured, contacts, in_time, late, pending, not_contacted) -%}
    {%- set due = "(" ~ [in_time, late, pending, not_contacted] | join(" + ") ~ ")" -%}
    case
        when {{ recognised_by }} is null
        then 'missing'
        when not {{ is_measured }}
        then case when {{ contacts }} > 0 then 'live' else 'planned' end
        when {{ due }} = 0
        then null
        when {{ in_time }} >= {{ measuring("live_share") }} * {{ due }}
        then 'live'
        when {{ in_time }} + {{ pending }} >= {{ measuring("live_share") }} * {{ due }}
        then null
        when {{ in_time }} + {{ late }} > 0
        then 'partly'
        else 'planned'
    end
{%- endmacro %}

{# Is a message of marts.messages one that carries the scenario? Names may be patterns; capitals make no difference. #}
{% macro is_recognised(message, scenario) -%}
    {%- set names = {
        "subject": [message ~ ".subject"],
        "campaign": [message ~ ".campaign_name", message ~ ".campaign_id"],
        "automation": [message ~ ".automation_name", message ~ ".automation_id"],
        "category": [message ~ ".category"],
    } -%}
    (
        {%- for kind, columns in names.items() -%}
            {%- for column in columns %}
                (
                    {{ scenario }}.recognised_by = '{{ kind }}'
                    and lower({{ column }}) like lower({{ scenario }}.recognised_as)
                )
                or
            {%- endfor -%}
        {%- endfor %}
        (
            {{ scenario }}.recognised_by = 'category'
            and {{ json_holds(message ~ ".categories", scenario ~ ".recognised_as") }}
        )
    )
{%- endmacro %}

{# Where a row of a seed stands in its file. #}
{% macro position_in_file(seed) -%}
    {{ return(adapter.dispatch("position_in_file", "lifecycle")(seed)) }}
{%- endmacro %}

{# A seed is emptied and filled from first to last; only the rows of a unit test have no place of their own. #}
{% macro postgres__position_in_file(seed) -%}
    cast(row_number() over ({{ "" if seed.is_cte else "order by ctid" }}) as integer)
{%- endmacro %}

{# Does a JSON array hold this text? #}
{% macro json_holds(array, value) -%}
    {{ return(adapter.dispatch("json_holds", "lifecycle")(array, value)) }}
{%- endmacro %}

{% macro postgres__json_holds(array, value) -%} ({{ array }} ? {{ value }}) {%- endmacro %}
