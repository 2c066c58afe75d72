{{ config(enabled=is_connected("sendgrid"), materialized="view") }}

with
    source as ({{ raw_documents("sendgrid", "unsubscribe_groups") }}),

    renamed as (
        select
            -- ids
            doc ->> 'id' as group_id,
            source,

            -- text
            {{ clean_text("doc ->> 'name'") }} as name,

            -- timestamps
            loaded_at,
            is_deleted
        from source
    )

select *
from renamed
