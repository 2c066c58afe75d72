{{
    config(
        materialized="incremental",
        incremental_strategy="subjects",
        unique_key="person_id",
        on_schema_change="fail",
        indexes=[{"columns": ["person_id"], "unique": true}],
        pre_hook="{{ prefer_index_scans() }}",
        post_hook="{{ analyze_if_all_is_new() }}",
    )
}}

-- depends_on: {{ ref("int_affected_subjects") }}
with
    ranked as (
        select
            person_id,
            first_name,
            last_name,
            country,
            postcode,
            is_purchase,
            lead_product_id,
            lead_product_name,
            row_number() over (
                partition by person_id order by is_purchase desc, created_at desc, order_id desc
            ) as position
        from {{ ref("int_orders") }}
        where
            is_fact
            and person_id is not null
            and business_day <= {{ run_date() }}
            and {{ is_affected("person_id") }}
    )

select person_id, first_name, last_name, country, postcode, is_purchase, lead_product_id, lead_product_name
from ranked
where position = 1
