{# New versions of some keys: each closes the one before, on the day from which it is known. #}
{% macro get_incremental_versions_sql(arguments) -%}
    {%- set target, changed = arguments["target_relation"], arguments["temp_relation"] -%}
    {%- set key = arguments["unique_key"] -%}
    {%- set columns = get_quoted_csv(arguments["dest_columns"] | map(attribute="name")) %}
    update {{ target }} as known
    set known_to = changed.known_from
    from {{ changed }} as changed
    where known.{{ key }} = changed.{{ key }} and known.known_to is null;
    insert into {{ target }} ({{ columns }})
    select {{ columns }} from {{ changed }}
{%- endmacro %}
