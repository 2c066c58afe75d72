{{ config(materialized="view") }}

with
    source as (
        {% for name, shop in settings()["shops"].items() %}
            {% set outer = loop %}
            {% for status in shop["paid_statuses"] %}
                select
                    cast({{ literal(name) }} as {{ dbt.type_string() }}) as shop,
                    cast({{ literal(status) }} as {{ dbt.type_string() }}) as status
                    {{ "union all" if not (loop.last and outer.last) }}
            {% endfor %}
        {% endfor %}
    ),

    renamed as (select shop, status from source)

select *
from renamed
