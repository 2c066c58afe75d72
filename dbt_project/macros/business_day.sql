{# The calendar day of a UTC instant in an IANA time zone. Both arguments are SQL expressions. #}
{% macro business_day(instant, timezone) -%}
    {{ return(adapter.dispatch("business_day", "lifecycle")(instant, timezone)) }}
{%- endmacro %}

{% macro postgres__business_day(instant, timezone) -%}
    cast({{ instant }} at time zone {{ timezone }} as date)
{%- endmacro %}
