{{ config(materialized="view") }}

with
    source as (select * from {{ ref("exchange_rates") }}),

    renamed as (
        select
            upper(currency) as currency,
            valid_from,
            lead(valid_from) over (partition by upper(currency) order by valid_from) as valid_to,
            rate
        from source
    )

select *
from renamed
