{#
    Facts are about to be derived with other merges. Until int_applied_merges is built again, these are marked (null), so
    that a build after one that was killed takes them for changed. For a pre-hook.
#}
{% macro mark_changed_merges_dirty() -%}
    {%- set applied = existing_relation("intermediate", "int_applied_merges") -%}
    {%- if applied and is_partial() -%}
        insert into {{ applied }} (person_id)
        select person_id
        from ({{ changed_merges(applied) }}) as changed
    {%- endif -%}
{%- endmacro %}

{# Orders are about to be converted with other rates: as mark_changed_merges_dirty. For a pre-hook. #}
{% macro mark_changed_rates_dirty() -%}
    {%- set applied = existing_relation("intermediate", "int_applied_rates") -%}
    {%- if applied and is_partial() -%}
        insert into {{ applied }} (currency, valid_from)
        select currency, valid_from
        from ({{ changed_rates(applied) }}) as changed
    {%- endif -%}
{%- endmacro %}
