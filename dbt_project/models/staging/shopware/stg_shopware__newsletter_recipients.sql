{{ staged_documents_config("recipient_id", kind="shopware", indexes=[["shop", "email"]]) }}

with
    source as ({{ changed_documents("shopware", "newsletter_recipients") }}),

    renamed as (
        select
            -- ids
            id as recipient_id,
            source as shop,
            doc ->> 'salesChannelId' as sales_channel_id,

            -- text
            {{ normalize_email("doc ->> 'email'") }} as email,

            -- consent
            {#
                `direct` is a subscription that the shop asks no confirmation for,
                `notSet` one that is not confirmed yet.
            #}
            case
                when doc ->> 'status' in ('optIn', 'direct')
                then true
                when doc ->> 'status' = 'optOut'
                then false
            end as has_newsletter_consent,

            -- timestamps: who leaves keeps the moment of their confirmation
            coalesce(
                case
                    when doc ->> 'status' in ('optIn', 'direct')
                    then {{ parse_timestamp("doc ->> 'confirmedAt'") }}
                end,
                {{ parse_timestamp("doc ->> 'updatedAt'") }},
                {{ parse_timestamp("doc ->> 'createdAt'") }}
            ) as said_at,
            loaded_at,
            is_deleted
        from source
    )

select *
from renamed
