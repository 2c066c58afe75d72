{{
    staged_documents_config(
        "order_id", kind="woocommerce", indexes=[["shop", "loaded_at"], ["customer_id"]]
    )
}}

with
    source as ({{ changed_documents("woocommerce", "orders") }}),

    renamed as (
        select
            -- ids
            source.id as order_id,
            source.source as shop,
            source.source || '/' || nullif(document.customer_id, '0') as customer_id,
            nullif(document.customer_id, '0') as customer_number,
            source.source || '/' || lead_line.product_id as lead_product_id,

            -- text
            document.status,
            document.payment_method,
            coalesce(document.status in ('trash', 'checkout-draft', 'auto-draft'), false) as is_draft,
            false as is_test,
            upper({{ clean_text("document.currency") }}) as currency,
            {{ normalize_email("document.billing ->> 'email'") }} as billing_email,
            {{ clean_text("document.billing ->> 'first_name'") }} as first_name,
            {{ clean_text("document.billing ->> 'last_name'") }} as last_name,
            upper({{ clean_text("document.billing ->> 'country'") }}) as country,
            upper({{ clean_text("document.billing ->> 'postcode'") }}) as postcode,
            lead_line.product_name as lead_product_name,

            -- numerics
            {{ parse_amount("document.total") }} as total,
            coalesce(refunds.refunded, 0) as refunded,
            {{ parse_amount("document.total") }} is null
            or coalesce(refunds.has_unreadable, false) as has_unreadable_money,

            -- timestamps
            {{ parse_timestamp("document.date_created_gmt") }} as created_at,
            source.loaded_at,
            source.is_deleted
        from source
        cross join
            lateral jsonb_to_record(source.doc) as document(
                customer_id text,
                status text,
                payment_method text,
                currency text,
                billing jsonb,
                total text,
                refunds jsonb,
                line_items jsonb,
                date_created_gmt text
            )
        cross join
            lateral(
                select
                    - sum({{ parse_amount("refund ->> 'total'") }}) as refunded,
                    bool_or({{ parse_amount("refund ->> 'total'") }} is null) as has_unreadable
                from {{ json_elements("document.refunds") }} as refund
            ) as refunds
        left join
            lateral(
                select
                    nullif(line ->> 'product_id', '0') as product_id,
                    {{ clean_text("line ->> 'name'") }} as product_name
                from {{ json_elements("document.line_items") }}
                with ordinality as lines(line, position)
                order by {{ parse_amount("line ->> 'total'") }} desc nulls last, position
                limit 1
            ) as lead_line
            on true
    ),

    identified as (
        select renamed.*, {{ identity_id("billing_email", "shop", "customer_number") }} as guest_identity_id
        from renamed
    )

select *
from identified
