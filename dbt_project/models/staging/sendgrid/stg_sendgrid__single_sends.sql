{{ config(materialized="view") }}

with
    source as ({{ raw_documents("sendgrid", "single_sends") }}),

    statistics as ({{ raw_documents("sendgrid", "single_send_stats") }}),

    renamed as (
        select
            -- ids
            source.doc ->> 'id' as single_send_id,

            -- text
            {{ clean_text("source.doc ->> 'name'") }} as name,
            source.doc -> 'categories' ->> 0 as category,
            source.doc -> 'categories' as categories,
            source.doc ->> 'status' as status,

            -- numerics
            {{ message_counts("statistics.doc -> 'stats'") }},

            -- timestamps
            {{ parse_timestamp("source.doc ->> 'send_at'") }} as send_at,
            {{ parse_timestamp("source.doc ->> 'created_at'") }} as created_at,
            {{ parse_timestamp("source.doc ->> 'updated_at'") }} as updated_at,
            source.loaded_at,
            source.is_deleted
        from source
        left join statistics on statistics.id = source.id and not statistics.is_deleted
    )

select *
from renamed
