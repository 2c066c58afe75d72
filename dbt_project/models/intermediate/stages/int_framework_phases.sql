{{ config(materialized="view") }}
{%- set frameworks = [
    "german_label",
    "base_category",
    "race",
    "attract_sell_wow",
    "sterne_cutler",
    "hubspot",
    "growth_accounting",
] %}

-- a stage that a framework has no phase for stands as a dash, as in its literature
{% for framework in frameworks %}
    select '{{ framework }}' as framework, stage, is_vip, coalesce({{ framework }}, '–') as phase
    from {{ ref("lifecycle_frameworks") }} {{ "union all" if not loop.last }}
{% endfor %}
