{# A value of the configuration as an SQL literal. #}
{% macro literal(value) -%}
    {%- if value is none -%} null
    {%- elif value is boolean -%} {{ value | lower }}
    {%- elif value is number -%} {{ value }}
    {%- else -%} {{ dbt.string_literal(dbt.escape_single_quotes(value)) }}
    {%- endif -%}
{%- endmacro %}

{# The inside of an `in (…)`. An empty list matches nothing. #}
{% macro literals(values) -%}
    {%- for value in values -%} {{ literal(value) }}{{ ", " if not loop.last }}
    {%- else -%} null
    {%- endfor -%}
{%- endmacro %}
