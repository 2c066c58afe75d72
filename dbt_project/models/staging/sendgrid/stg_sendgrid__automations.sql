{{ config(materialized="view") }}

with
    source as ({{ raw_documents("sendgrid", "automation_stats") }}),

    renamed as (
        select
            -- ids
            doc ->> 'id' as automation_id,

            -- numerics
            {{ message_counts("doc -> 'stats'") }},

            -- timestamps
            loaded_at,
            is_deleted
        from source
    )

select *
from renamed
