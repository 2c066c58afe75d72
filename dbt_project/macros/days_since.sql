{# Whole days from one date to a later one. #}
{% macro days_since(earlier, later) -%}
    {{ return(adapter.dispatch("days_since", "lifecycle")(earlier, later)) }}
{%- endmacro %}

{% macro default__days_since(earlier, later) -%} {{ dbt.datediff(earlier, later, "day") }} {%- endmacro %}

{% macro postgres__days_since(earlier, later) -%} ({{ later }} - {{ earlier }}) {%- endmacro %}
