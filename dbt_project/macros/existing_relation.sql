{# A relation of an earlier night, or none. For models that are built later in the night than the one that reads; a
    unit test has none. #}
{% macro existing_relation(schema, name) -%}
    {%- if not execute or not this -%} {{ return(none) }} {%- endif -%}
    {%- set found = api.Relation.create(this.database, generate_schema_name(schema, none), name) -%}
    {%- if schema in ["intermediate", "marts"] -%}
        {{ return(adapter.get_relation(found.database, found.schema, name)) }}
    {%- endif -%}
    {{ return(found if is_there(found) else none) }}
{%- endmacro %}

{#
    Is a relation there that dbt does not build? The catalogue tells. dbt's cache may not: of a schema without models it
    learns table by table while the threads ask, and a table that it has not come to yet would be taken for missing.
#}
{% macro is_there(relation) -%}
    {%- set found = list_relations_without_caching(relation.without_identifier()) -%}
    {{ return(relation.identifier in found.columns["name"].values()) }}
{%- endmacro %}
