{# A JSON object of the row's columns. `columns` maps the keys to SQL expressions. #}
{% macro json_object(columns) -%}
    {{ return(adapter.dispatch("json_object", "lifecycle")(columns)) }}
{%- endmacro %}

{% macro postgres__json_object(columns) -%}
    jsonb_build_object(
        {%- for key, column in columns.items() %}
            {{ literal(key) }}, {{ column }}{{ "," if not loop.last }}
        {%- endfor %}
    )
{%- endmacro %}

{# A JSON object without the keys whose value is null. #}
{% macro json_strip_nulls(object) -%}
    {{ return(adapter.dispatch("json_strip_nulls", "lifecycle")(object)) }}
{%- endmacro %}

{% macro postgres__json_strip_nulls(object) -%} jsonb_strip_nulls({{ object }}) {%- endmacro %}
