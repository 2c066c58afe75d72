{{ config(materialized="view") }}

with
    source as (
        {% for name, ruleset in settings()["stages"]["rulesets"].items() %}
            select
                cast({{ literal(name) }} as {{ dbt.type_string() }}) as ruleset,
                {{ loop.index }} as position,
                cast({{ literal(ruleset["kind"]) }} as {{ dbt.type_string() }}) as kind,
                cast({{ literal(ruleset.get("customers", "all")) }} as {{ dbt.type_string() }}) as customers,
                {{ literal(loop.last) }} as is_for_everybody
                {{ "union all" if not loop.last }}
        {% endfor %}
    ),

    renamed as (select ruleset, position, kind, customers, is_for_everybody from source)

select *
from renamed
