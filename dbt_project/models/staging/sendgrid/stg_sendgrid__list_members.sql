{{ staged_documents_config("list_member_id", kind="sendgrid") }}

with
    source as ({{ changed_documents("sendgrid", "list_members") }}),

    renamed as (
        select
            -- ids
            id as list_member_id,
            source,
            doc ->> 'list_id' as list_id,
            doc ->> 'contact_id' as contact_id,

            -- text
            doc ->> 'list_name' as list_name,
            {{ normalize_email("doc ->> 'email'") }} as email,

            -- timestamps
            {{ parse_timestamp("doc ->> 'created_at'") }} as created_at,
            loaded_at,
            is_deleted
        from source
    ),

    identified as (select renamed.*, {{ identity_id("email") }} as identity_id from renamed)

select *
from identified
