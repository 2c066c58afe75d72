{{ config(enabled=is_connected("sendgrid"), materialized="view") }}
{%- set counts = ["delivered", "unique_opens", "unique_clicks", "bounces", "spam_reports", "unsubscribes"] %}

with
    single_sends as ({{ raw_documents("sendgrid", "single_sends") }}),

    single_send_stats as ({{ raw_documents("sendgrid", "single_send_stats") }}),

    automation_stats as ({{ raw_documents("sendgrid", "automation_stats") }}),

    documents as (
        select
            single_sends.source,
            false as is_automation,
            single_sends.doc,
            single_send_stats.doc -> 'stats' as stats,
            single_sends.loaded_at,
            single_sends.is_deleted
        from single_sends
        left join
            single_send_stats on single_send_stats.id = single_sends.id and not single_send_stats.is_deleted
        union all
        -- the API tells of an automation only what became of its messages; events tell its name
        select
            source,
            true as is_automation,
            jsonb_build_object('id', doc -> 'id') as doc,
            doc -> 'stats' as stats,
            loaded_at,
            is_deleted
        from automation_stats
    ),

    renamed as (
        select
            -- ids
            doc ->> 'id' as campaign_id,
            source,

            -- text
            {{ clean_text("doc ->> 'name'") }} as name,
            doc -> 'categories' ->> 0 as category,
            doc -> 'categories' as categories,
            doc ->> 'status' as status,

            -- numerics: null where nothing was counted
            {%- for count in counts %}
                cast({{ parse_number("stats ->> '" ~ count ~ "'") }} as bigint) as {{ count }},
            {%- endfor %}

            -- booleans
            is_automation,

            -- timestamps
            {{ parse_timestamp("doc ->> 'send_at'") }} as send_at,
            {{ parse_timestamp("doc ->> 'created_at'") }} as created_at,
            {{ parse_timestamp("doc ->> 'updated_at'") }} as updated_at,
            loaded_at,
            is_deleted
        from documents
    )

select *
from renamed
