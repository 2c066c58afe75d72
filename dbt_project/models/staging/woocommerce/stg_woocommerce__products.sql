{{ config(enabled=is_connected("woocommerce")) }}

with
    source as ({{ raw_documents("woocommerce", "products") }}),

    renamed as (
        select
            -- ids
            id as product_id,
            source as shop,

            -- text
            {{ clean_text("doc ->> 'name'") }} as product_name,
            {{ clean_text("doc #>> '{categories,0,name}'") }} as category,

            -- timestamps
            loaded_at,
            is_deleted
        from source
    )

select *
from renamed
