{{ staged_documents_config("customer_id", kind="woocommerce", indexes=[["shop", "loaded_at"]]) }}

with
    source as ({{ changed_documents("woocommerce", "customers") }}),

    renamed as (
        select
            -- ids
            source.id as customer_id,
            source.source as shop,
            document.id as customer_number,
            {{ clean_text("company.value") }} as account_number,

            -- text
            {{ normalize_email("document.email") }} as email,
            {{ clean_text("document.first_name") }} as first_name,
            {{ clean_text("document.last_name") }} as last_name,
            upper({{ clean_text("document.billing ->> 'country'") }}) as country,
            upper({{ clean_text("document.billing ->> 'postcode'") }}) as postcode,

            -- consent: an empty checkbox says nothing, and what is not a clear yes is a no
            case
                when {{ clean_text("checkbox.value") }} is null
                then null
                else lower({{ clean_text("checkbox.value") }}) in ('1', 'yes', 'true', 'on', 'y')
            end as has_newsletter_consent,
            cast(null as timestamptz) as consent_said_at,

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
        left join lateral({{ newest_value("document.meta_data", "shops.consent_field") }}) as checkbox on true
        left join lateral({{ newest_value("document.meta_data", "shops.account_field") }}) as company on true
    ),

    identified as (
        select
            renamed.*,
            {{ identity_id("email", "shop", "customer_number") }} as identity_id,
            {{ name_based_uuid("'account:' || shop || ':' || account_number") }} as account_id
        from renamed
    )

select *
from identified
