{# One of the marketer's figures for measuring the gap. #}
{% macro measuring(name) -%} {{ return(var("lifecycle")["measuring"][name]) }} {%- endmacro %}

{# The first day of a date's month. A time without a zone needs no conversion, which would take most of the time. #}
{% macro month_of(day) -%}
    cast({{ dbt.date_trunc("month", "cast(" ~ day ~ " as " ~ dbt.type_timestamp() ~ ")") }} as date)
{%- endmacro %}

{# The first day of the months that the gap is measured in. #}
{% macro measured_from() -%}
    {{ month_of(dbt.dateadd("month", 1 - measuring("months"), run_date())) }}
{%- endmacro %}
