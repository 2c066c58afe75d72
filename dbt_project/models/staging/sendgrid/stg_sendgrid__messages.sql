{{ staged_documents_config("message_id", kind="sendgrid", indexes=[["email"]]) }}

with
    source as ({{ changed_documents("sendgrid", "messages") }}),

    renamed as (
        select
            -- ids
            id as message_id,
            source,

            -- text
            {{ normalize_email("doc ->> 'to_email'") }} as email,
            {{ clean_text("doc ->> 'subject'") }} as subject,
            doc ->> 'status' as status,

            -- numerics
            coalesce(cast({{ parse_number("doc ->> 'opens_count'") }} as integer), 0) as opens,
            coalesce(cast({{ parse_number("doc ->> 'clicks_count'") }} as integer), 0) as clicks,

            -- timestamps
            {{ parse_timestamp("doc ->> 'last_event_time'") }} as last_event_at,
            loaded_at,
            is_deleted
        from source
    )

select *
from renamed
