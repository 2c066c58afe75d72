{{ config(materialized="view") }}

with
    source as (
        {% for name, shop in settings()["shops"].items() %}
            {% for method in shop.get("test_payment_methods", []) %}
                select
                    cast({{ literal(name) }} as {{ dbt.type_string() }}) as shop,
                    cast({{ literal(method) }} as {{ dbt.type_string() }}) as payment_method
                union all
            {% endfor %}
        {% endfor %}
        select
            cast(null as {{ dbt.type_string() }}) as shop,
            cast(null as {{ dbt.type_string() }}) as payment_method
    ),

    renamed as (select shop, payment_method from source where shop is not null)

select *
from renamed
