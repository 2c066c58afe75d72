{{ staged_documents_config("event_id", kind="sendgrid", indexes=[["email"]]) }}

with
    source as ({{ changed_documents("sendgrid", "events") }}),

    -- one category comes as a text, several as an array
    categorised as (
        select
            source.*,
            case
                jsonb_typeof(doc -> 'category')
                when 'array'
                then doc -> 'category'
                when 'string'
                then jsonb_build_array(doc -> 'category')
                else cast('[]' as jsonb)
            end as categories
        from source
    ),

    renamed as (
        select
            -- ids
            id as event_id,
            source,
            -- named as in message activity
            source || '/' || (doc ->> 'sg_message_id') as message_id,
            doc ->> 'singlesend_id' as campaign_id,
            doc ->> 'mc_auto_id' as automation_id,
            coalesce(doc ->> 'template_id', doc ->> 'sg_template_id') as template_id,
            doc ->> 'asm_group_id' as group_id,

            -- text
            {{ normalize_email("doc ->> 'email'") }} as email,
            doc ->> 'event' as event,
            {{ clean_text("doc ->> 'mc_auto_name'") }} as automation_name,
            categories ->> 0 as category,
            categories,
            doc ->> 'url' as url,
            doc ->> 'reason' as reason,
            case when doc ->> 'event' = 'bounce' then coalesce(doc ->> 'type', 'bounce') end as bounce_type,

            -- booleans
            coalesce(doc ->> 'sg_machine_open' = 'true', false) as is_machine_open,

            -- timestamps
            {{ parse_epoch("doc ->> 'timestamp'") }} as occurred_at,
            loaded_at,
            is_deleted
        from categorised
    )

select *
from renamed
