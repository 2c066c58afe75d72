with
    source as ({{ raw_documents("woocommerce", "customers") }}),

    renamed as (
        select
            -- ids
            source.id as customer_id,
            source.source as shop,
            document.id as customer_number,

            -- text
            {{ normalize_email("document.email") }} as email,
            {{ clean_text("document.first_name") }} as first_name,
            {{ clean_text("document.last_name") }} as last_name,
            upper({{ clean_text("document.billing ->> 'country'") }}) as country,

            -- consent: an empty checkbox says nothing, and whatever is no clear yes
            -- is a no
            case
                when {{ clean_text("checkbox.value") }} is null
                then null
                else lower({{ clean_text("checkbox.value") }}) in ('1', 'yes', 'true', 'on', 'y')
            end as has_newsletter_consent,

            -- timestamps
            {{ parse_timestamp("document.date_created_gmt") }} as created_at,
            source.loaded_at,
            source.is_deleted
        from source
        cross join
            lateral jsonb_to_record(source.doc) as document(
                id text,
                email text,
                first_name text,
                last_name text,
                billing jsonb,
                meta_data jsonb,
                date_created_gmt text
            )
        left join {{ ref("stg_settings__shops") }} as shops on shops.shop = source.source
        left join
            lateral(
                select entry ->> 'value' as value
                from {{ json_elements("document.meta_data") }}
                with ordinality as entries(entry, position)
                where entry ->> 'key' = shops.consent_field
                order by position desc
                limit 1
            ) as checkbox
            on true
    )

select *
from renamed
