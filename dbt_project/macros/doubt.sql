{#
    Facts are about to be derived with other merges: until int_applied_merges is built again, these are in doubt (null),
    so that a build after one that was cut takes them for changed. For a pre-hook.
#}
{% macro doubt_changed_merges() -%}
    {%- set applied = existing_relation("intermediate", "int_applied_merges") -%}
    {%- if applied and is_partial() -%}
        insert into {{ applied }} (person_id)
        select person_id
        from ({{ changed_merges(applied) }}) as changed
    {%- endif -%}
{%- endmacro %}

{# Orders are about to be converted with other rates: as doubt_changed_merges. For a pre-hook. #}
{% macro doubt_changed_rates() -%}
    {%- set applied = existing_relation("intermediate", "int_applied_rates") -%}
    {%- if applied and is_partial() -%}
        insert into {{ applied }} (currency, valid_from)
        select currency, valid_from
        from ({{ changed_rates(applied) }}) as changed
    {%- endif -%}
{%- endmacro %}
