{{ config(materialized="view") }}

with
    source as (
        {% for name, provider in connected_providers().items() %}
            {% for list in provider.get("opt_in_lists") or [] %}
                select
                    cast({{ literal(name) }} as {{ dbt.type_string() }}) as source,
                    cast({{ literal(list) }} as {{ dbt.type_string() }}) as list_name
                union all
            {% endfor %}
        {% endfor %}
        select
            cast(null as {{ dbt.type_string() }}) as source,
            cast(null as {{ dbt.type_string() }}) as list_name
    ),

    renamed as (select source, list_name from source where source is not null)

select *
from renamed
