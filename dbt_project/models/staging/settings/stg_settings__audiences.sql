{{ config(materialized="view") }}

with
    source as (
        {% for name, audience in settings()["audiences"].items() %}
            select
                cast({{ literal(name) }} as {{ dbt.type_string() }}) as audience,
                {{ loop.index }} as position,
                cast({{ literal(audience["list"]) }} as {{ dbt.type_string() }}) as list_name,
                {{ audience.get("priority", 50) }} as priority,
                cast(
                    {{ literal(audience.get("exclusive_group")) }} as {{ dbt.type_string() }}
                ) as exclusive_group,
                {{ literal(audience.get("is_contact", true)) }} as is_contact,
                cast(
                    {{ literal(audience.get("min_days_since_contact")) }} as integer
                ) as min_days_since_contact,
                {{ audience.get("holdout_share", 0) }} as holdout_share
                {{ "union all" if not loop.last }}
        {% endfor %}
    ),

    renamed as (
        select
            audience,
            position,
            list_name,
            priority,
            exclusive_group,
            is_contact,
            min_days_since_contact,
            holdout_share
        from source
    )

select *
from renamed
