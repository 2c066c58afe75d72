{{ staged_documents_config("customer_id", kind="shopify", indexes=[["shop", "loaded_at"]]) }}

with
    source as ({{ changed_documents("shopify", "customers") }}),

    documents as (
        select
            source.*,
            document.id as gid,
            document."firstName" as given_name,
            document."lastName" as family_name,
            document."defaultAddress" as address,
            document."defaultEmailAddress" ->> 'emailAddress' as email_address,
            document."defaultEmailAddress" ->> 'marketingState' as marketing_state,
            document."defaultEmailAddress" ->> 'marketingUpdatedAt' as marketing_updated_at,
            document."companyContactProfiles" #>> '{0,company,id}' as company_gid,
            document."createdAt" as added_at
        from source
        cross join
            lateral jsonb_to_record(source.doc) as document(
                id text,
                "firstName" text,
                "lastName" text,
                "defaultAddress" jsonb,
                "defaultEmailAddress" jsonb,
                "companyContactProfiles" jsonb,
                "createdAt" text
            )
    ),

    renamed as (
        select
            -- ids
            id as customer_id,
            source as shop,
            substring(gid from '\d+$') as customer_number,
            substring(company_gid from '\d+$') as account_number,

            -- text
            {{ normalize_email("email_address") }} as email,
            {{ clean_text("given_name") }} as first_name,
            {{ clean_text("family_name") }} as last_name,
            upper({{ clean_text("address ->> 'countryCodeV2'") }}) as country,
            upper({{ clean_text("address ->> 'zip'") }}) as postcode,

            -- consent: whoever never subscribed, or has not confirmed it, said nothing
            case
                when marketing_state = 'SUBSCRIBED'
                then true
                when marketing_state in ('UNSUBSCRIBED', 'REDACTED', 'INVALID')
                then false
            end as has_newsletter_consent,
            {{ parse_timestamp("marketing_updated_at") }} as consent_said_at,

            -- timestamps
            {{ parse_timestamp("added_at") }} as created_at,
            loaded_at,
            is_deleted
        from documents
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
