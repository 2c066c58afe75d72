{{ config(enabled=is_connected("sendgrid")) }}
{%- set streams = {
    "bounces": "bounce",
    "blocks": "block",
    "spam_reports": "spam_report",
    "unsubscribes": "unsubscribe",
    "invalid_emails": "invalid_email",
    "group_suppressions": "group_unsubscribe",
} -%}

with
    source as (
        {% for stream, reason in streams.items() %}
            select '{{ reason }}' as reason, {{ stream }}.*
            from ({{ raw_documents("sendgrid", stream) }}) as {{ stream }} {{ "union all" if not loop.last }}
        {% endfor %}
    ),

    renamed as (
        select
            -- ids
            reason || '/' || id as suppression_id,
            source,

            -- text
            reason,
            {{ normalize_email("doc ->> 'email'") }} as email,

            -- timestamps
            {{ parse_epoch("coalesce(doc ->> 'created', doc ->> 'created_at')") }} as created_at,
            loaded_at,
            is_deleted
        from source
    ),

    identified as (select renamed.*, {{ identity_id("email") }} as identity_id from renamed)

select *
from identified
