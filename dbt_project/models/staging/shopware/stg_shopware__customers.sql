{{
    staged_documents_config(
        "customer_id", kind="shopware", indexes=[["shop", "loaded_at"], ["shop", "email"]]
    )
}}

with
    recipients as (select * from {{ ref("stg_shopware__newsletter_recipients") }}),

    -- a customer also changes by what is said to the newsletter with their address
    source as (
        select documents.*
        from ({{ raw_documents("shopware", "customers") }}) as documents
        {% if is_filled_by_same_sql() %}
            where
                documents.loaded_at
                > (select coalesce(max(built.loaded_at), '-infinity') from {{ this }} as built)
                or documents.id in (
                    select known.customer_id
                    from {{ this }} as known
                    inner join recipients on recipients.shop = known.shop and recipients.email = known.email
                    where
                        recipients.loaded_at
                        > (select coalesce(max(built.loaded_at), '-infinity') from {{ this }} as built)
                )
        {% endif %}
    ),

    renamed as (
        select
            -- ids
            source.id as customer_id,
            source.source as shop,
            document.id as customer_number,
            case
                when shops.account_field is not null
                then {{ clean_text("document.custom_fields ->> shops.account_field") }}
                else
                    coalesce(
                        {{ clean_text("document.company") }},
                        {{ clean_text("document.address ->> 'company'") }}
                    )
            end as account_number,

            -- text
            document.email,
            {{ clean_text("document.first_name") }} as first_name,
            {{ clean_text("document.last_name") }} as last_name,
            upper({{ clean_text("document.address #>> '{country,iso}'") }}) as country,
            upper({{ clean_text("document.address ->> 'zipcode'") }}) as postcode,

            -- consent
            {#
                The newsletter's word goes before the shop's own checkbox, which says
                nothing if empty, and no if no clear yes.
            #}
            coalesce(
                newsletter.has_newsletter_consent, lower(document.checkbox) in ('1', 'yes', 'true', 'on', 'y')
            ) as has_newsletter_consent,
            case
                when newsletter.has_newsletter_consent is not null then newsletter.said_at
            end as consent_said_at,

            -- timestamps
            {{ parse_timestamp("document.created_at") }} as created_at,
            greatest(source.loaded_at, newsletter.loaded_at) as loaded_at,
            source.is_deleted
        from source
        left join {{ ref("stg_settings__shops") }} as shops on shops.shop = source.source
        cross join
            lateral(
                select
                    parsed.id,
                    {{ normalize_email("parsed.email") }} as email,
                    parsed."firstName" as first_name,
                    parsed."lastName" as last_name,
                    parsed.company,
                    parsed."salesChannelId" as sales_channel_id,
                    parsed."defaultBillingAddress" as address,
                    parsed."customFields" as custom_fields,
                    {{ clean_text('parsed."customFields" ->> shops.consent_field') }} as checkbox,
                    parsed."createdAt" as created_at
                from
                    jsonb_to_record(source.doc) as parsed(
                        id text,
                        email text,
                        "firstName" text,
                        "lastName" text,
                        company text,
                        "salesChannelId" text,
                        "defaultBillingAddress" jsonb,
                        "customFields" jsonb,
                        "createdAt" text
                    )
            ) as document
        -- the last word, and the moment of the last change even if it unsaid something
        left join
            lateral(
                select
                    case
                        when not recipients.is_deleted then recipients.has_newsletter_consent
                    end as has_newsletter_consent,
                    recipients.said_at,
                    max(recipients.loaded_at) over () as loaded_at
                from recipients
                where
                    recipients.shop = source.source
                    and recipients.email = document.email
                    and recipients.sales_channel_id = document.sales_channel_id
                order by
                    recipients.is_deleted asc,
                    recipients.has_newsletter_consent is null asc,
                    recipients.said_at desc nulls last,
                    recipients.has_newsletter_consent asc
                limit 1
            ) as newsletter
            on true
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
