{% macro add_days(day, days) -%}
    {{ return(adapter.dispatch("add_days", "lifecycle")(day, days)) }}
{%- endmacro %}

{% macro default__add_days(day, days) -%} cast({{ dbt.dateadd("day", days, day) }} as date) {%- endmacro %}

{% macro postgres__add_days(day, days) -%}({{ day }} + ({{ days }})) {%- endmacro %}

{# The earlier of two days; the second one, if there is no first. #}
{% macro earlier_day(day, other) -%}
    case when {{ day }} < {{ other }} then {{ day }} else {{ other }} end
{%- endmacro %}
