{{ config(materialized="view") }} {{ require_settings() }}

with
    source as (
        {% for name, shop in settings()["shops"].items() %}
            select
                cast({{ literal(name) }} as {{ dbt.type_string() }}) as shop,
                cast({{ literal(shop["kind"]) }} as {{ dbt.type_string() }}) as kind,
                cast({{ literal(shop["timezone"]) }} as {{ dbt.type_string() }}) as timezone,
                cast({{ literal(shop["currency"]) }} as {{ dbt.type_string() }}) as currency,
                cast({{ literal(shop.get("consent_field")) }} as {{ dbt.type_string() }}) as consent_field,
                cast({{ literal(shop.get("account_field")) }} as {{ dbt.type_string() }}) as account_field,
                cast('{{ shop.get("first_business_day", "2000-01-01") }}' as date) as first_business_day,
                {{ literal(shop.get("zero_value_orders_count", false)) }} as zero_value_orders_count
                {{ "union all" if not loop.last }}
        {% endfor %}
    ),

    renamed as (
        select
            shop,
            kind,
            timezone,
            currency,
            consent_field,
            account_field,
            first_business_day,
            zero_value_orders_count
        from source
    )

select *
from renamed
