{# A relation of an earlier night, or none. For models that are built later in the night than the one that reads; a
    unit test has none. #}
{% macro existing_relation(schema, name) -%}
    {%- if not execute or not this -%} {{ return(none) }} {%- endif -%}
    {{ return(adapter.get_relation(this.database, generate_schema_name(schema, none), name)) }}
{%- endmacro %}
