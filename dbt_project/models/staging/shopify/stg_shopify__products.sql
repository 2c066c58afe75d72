{{ config(enabled=is_connected("shopify")) }}

with
    source as ({{ raw_documents("shopify", "products") }}),

    renamed as (
        select
            -- ids
            id as product_id,
            source as shop,

            -- text
            {{ clean_text("doc ->> 'title'") }} as product_name,
            coalesce(
                {{ clean_text("doc #>> '{category,name}'") }}, {{ clean_text("doc ->> 'productType'") }}
            ) as category,

            -- timestamps
            loaded_at,
            is_deleted
        from source
    )

select *
from renamed
