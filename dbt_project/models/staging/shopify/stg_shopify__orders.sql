{{ staged_documents_config("order_id", kind="shopify", indexes=[["shop", "loaded_at"], ["customer_id"]]) }}

with
    source as ({{ changed_documents("shopify", "orders") }}),

    documents as (
        select
            source.*,
            document.test,
            document.email,
            document.customer ->> 'id' as customer_gid,
            document."cancelledAt" as cancelled_at,
            document."displayFinancialStatus" as financial_status,
            document."paymentGatewayNames" as gateways,
            document."billingAddress" as bill,
            document."totalPriceSet" -> 'shopMoney' as price,
            document."currentTotalPriceSet" #>> '{shopMoney,amount}' as current_amount,
            document."totalRefundedSet" #>> '{shopMoney,amount}' as refunded_amount,
            document."lineItems" -> 'nodes' as lines,
            coalesce(document."processedAt", document."createdAt") as processed_at
        from source
        cross join
            lateral jsonb_to_record(source.doc) as document(
                test text,
                email text,
                customer jsonb,
                "cancelledAt" text,
                "displayFinancialStatus" text,
                "paymentGatewayNames" jsonb,
                "billingAddress" jsonb,
                "totalPriceSet" jsonb,
                "currentTotalPriceSet" jsonb,
                "totalRefundedSet" jsonb,
                "lineItems" jsonb,
                "processedAt" text,
                "createdAt" text
            )
    ),

    renamed as (
        select
            -- ids
            documents.id as order_id,
            documents.source as shop,
            documents.source || '/' || substring(documents.customer_gid from '\d+$') as customer_id,
            substring(documents.customer_gid from '\d+$') as customer_number,
            documents.source || '/' || lead_line.product_number as lead_product_id,

            -- text
            case
                when documents.cancelled_at is null then documents.financial_status else 'cancelled'
            end as status,
            documents.gateways ->> 0 as payment_method,
            false as is_draft,
            coalesce(documents.test = 'true', false) as is_test,
            upper({{ clean_text("documents.price ->> 'currencyCode'") }}) as currency,
            {{ normalize_email("documents.email") }} as billing_email,
            {{ clean_text("documents.bill ->> 'firstName'") }} as first_name,
            {{ clean_text("documents.bill ->> 'lastName'") }} as last_name,
            upper({{ clean_text("documents.bill ->> 'countryCodeV2'") }}) as country,
            upper({{ clean_text("documents.bill ->> 'zip'") }}) as postcode,
            lead_line.product_name as lead_product_name,

            -- numerics
            money.total,
            {#
                What an edit took out before it was paid is in no refund, and a refund
                without a return may leave the current price as it was: the larger counts.
            #}
            greatest(money.refunded, money.total - money.current_total, 0) as refunded,
            money.total is null
            or money.refunded is null
            or money.current_total is null as has_unreadable_money,

            -- timestamps
            {#
                An order that was brought along from another shop was
                processed long before it was created.
            #}
            {{ parse_timestamp("documents.processed_at") }} as created_at,
            documents.loaded_at,
            documents.is_deleted
        from documents
        cross join
            lateral(
                select
                    {{ parse_number("documents.price ->> 'amount'") }} as total,
                    {{ parse_number("documents.current_amount") }} as current_total,
                    {{ parse_number("documents.refunded_amount") }} as refunded
            ) as money
        left join
            lateral(
                select
                    substring(line #>> '{product,id}' from '\d+$') as product_number,
                    {{ clean_text("line ->> 'title'") }} as product_name
                from {{ json_elements("documents.lines") }}
                with ordinality as lines(line, position)
                order by
                    {{ parse_number("line #>> '{discountedTotalSet,shopMoney,amount}'") }} desc nulls last,
                    position
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
