{{ config(enabled=is_connected("shopware")) }}

with
    source as ({{ raw_documents("shopware", "products") }}),

    renamed as (
        select
            -- ids
            source.id as product_id,
            source.source as shop,

            -- text: a variant has its parent's, where it has none of its own
            coalesce(
                {{ clean_text("source.doc ->> 'name'") }}, {{ clean_text("source.doc #>> '{parent,name}'") }}
            ) as product_name,
            first_category.category,

            -- timestamps
            source.loaded_at,
            source.is_deleted
        from source
        left join
            lateral(
                select {{ clean_text("category ->> 'name'") }} as category
                from
                    (
                        select 1 as generation, own as category
                        from {{ json_elements("source.doc -> 'categories'") }} as own
                        union all
                        select 2 as generation, inherited as category
                        from {{ json_elements("source.doc #> '{parent,categories}'") }} as inherited
                    ) as categories
                order by generation, {{ parse_number("category ->> 'autoIncrement'") }}
                limit 1
            ) as first_category
            on true
    )

select *
from renamed
