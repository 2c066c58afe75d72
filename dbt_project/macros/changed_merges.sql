{# Persons who are merged otherwise than the facts say, which were derived with `applied`. #}
{% macro changed_merges(applied) -%}
    with
        merges as (select * from {{ ref("stg_settings__person_merges") }}),
        applied_merges as (select * from {{ applied }})

    select distinct coalesce(merges.person_id, applied_merges.person_id) as person_id
    from merges
    full join applied_merges on applied_merges.person_id = merges.person_id
    where
        merges.surviving_person_id is null
        or applied_merges.surviving_person_id is null
        or merges.surviving_person_id <> applied_merges.surviving_person_id
{%- endmacro %}
