{# A schema's name is taken as it is, behind the prefix that sets an installation apart within its database. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ env_var("LIFECYCLE_SCHEMA_PREFIX", "") }}{{ custom_schema_name or target.schema }}
{%- endmacro %}
