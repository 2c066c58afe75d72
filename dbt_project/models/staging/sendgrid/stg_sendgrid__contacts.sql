{{ staged_documents_config("contact_id", kind="sendgrid") }}

with
    source as ({{ changed_documents("sendgrid", "contacts") }}),

    renamed as (
        select
            -- ids
            id as contact_id,
            source,

            -- text
            {{ normalize_email("doc ->> 'email'") }} as email,
            {{ clean_text("doc ->> 'first_name'") }} as first_name,
            {{ clean_text("doc ->> 'last_name'") }} as last_name,
            upper({{ clean_text("doc ->> 'country'") }}) as country,

            -- timestamps
            {{ parse_timestamp("doc ->> 'created_at'") }} as created_at,
            loaded_at,
            is_deleted
        from source
    ),

    identified as (select renamed.*, {{ identity_id("email") }} as identity_id from renamed)

select *
from identified
