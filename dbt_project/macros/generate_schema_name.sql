{# A custom schema is taken as it is; DBT_SCHEMA_PREFIX lets several builds share one database. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ env_var("DBT_SCHEMA_PREFIX", "") }}{{ custom_schema_name or target.schema }}
{%- endmacro %}
