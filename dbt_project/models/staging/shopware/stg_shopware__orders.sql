{{ staged_documents_config("order_id", kind="shopware", indexes=[["shop", "loaded_at"], ["customer_id"]]) }}

with
    source as ({{ changed_documents("shopware", "orders") }}),

    renamed as (
        select
            -- ids
            source.id as order_id,
            source.source as shop,
            source.source || '/' || (document.buyer ->> 'customerId') as customer_id,
            document.buyer ->> 'customerId' as customer_number,
            source.source || '/' || lead_line.product_id as lead_product_id,

            -- text
            {#
                A cancelled order keeps its payment's state, and one worth nothing may
                have no payment.
            #}
            case
                when document.state = 'cancelled'
                then 'cancelled'
                when payment.status is not null
                then payment.status
                when {{ parse_number("document.total") }} = 0
                then 'paid'
                else document.state
            end as status,
            payment.payment_method,
            false as is_draft,
            false as is_test,
            upper({{ clean_text("document.currency") }}) as currency,
            {{ normalize_email("document.buyer ->> 'email'") }} as billing_email,
            coalesce(
                {{ clean_text("document.address ->> 'firstName'") }},
                {{ clean_text("document.buyer ->> 'firstName'") }}
            ) as first_name,
            coalesce(
                {{ clean_text("document.address ->> 'lastName'") }},
                {{ clean_text("document.buyer ->> 'lastName'") }}
            ) as last_name,
            upper({{ clean_text("document.address #>> '{country,iso}'") }}) as country,
            upper({{ clean_text("document.address ->> 'zipcode'") }}) as postcode,
            lead_line.product_name as lead_product_name,

            -- numerics: a payment that was refunded without a record was refunded whole
            {{ parse_number("document.total") }} as total,
            case
                when refunds.refunds > 0
                then coalesce(refunds.refunded, 0)
                when payment.status = 'refunded'
                then coalesce({{ parse_number("document.total") }}, 0)
                else 0
            end as refunded,
            {{ parse_number("document.total") }} is null
            or coalesce(refunds.has_unreadable, false) as has_unreadable_money,

            -- timestamps
            {{ parse_timestamp("document.ordered_at") }} as created_at,
            source.loaded_at,
            source.is_deleted
        from source
        cross join
            lateral(
                select
                    parsed."stateMachineState" ->> 'technicalName' as state,
                    parsed."orderCustomer" as buyer,
                    parsed."billingAddress" as address,
                    parsed.currency ->> 'isoCode' as currency,
                    parsed."amountTotal" as total,
                    parsed.transactions as payments,
                    parsed."lineItems" as lines,
                    parsed."orderDateTime" as ordered_at
                from
                    jsonb_to_record(source.doc) as parsed(
                        "stateMachineState" jsonb,
                        "orderCustomer" jsonb,
                        "billingAddress" jsonb,
                        currency jsonb,
                        "amountTotal" text,
                        transactions jsonb,
                        "lineItems" jsonb,
                        "orderDateTime" text
                    )
            ) as document
        {#
            The last payment that was neither cancelled nor failed, as the shop's own
            administration shows it, else the last.
        #}
        left join
            lateral(
                select
                    attempt #>> '{stateMachineState,technicalName}' as status,
                    coalesce(
                        {{ clean_text("attempt #>> '{paymentMethod,technicalName}'") }},
                        {{ clean_text("attempt #>> '{paymentMethod,name}'") }}
                    ) as payment_method
                from {{ json_elements("document.payments") }}
                with ordinality as tries(attempt, position)
                order by
                    coalesce(attempt #>> '{stateMachineState,technicalName}', '') in ('cancelled', 'failed'),
                    {{ parse_timestamp("attempt ->> 'createdAt'") }} desc nulls last,
                    position desc
                limit 1
            ) as payment
            on true
        cross join
            lateral(
                select
                    count(*) as refunds,
                    sum({{ parse_number("refund #>> '{amount,totalPrice}'") }}) as refunded,
                    bool_or({{ parse_number("refund #>> '{amount,totalPrice}'") }} is null) as has_unreadable
                from
                    jsonb_path_query(
                        document.payments,
                        '$[*].captures[*].refunds[*] ? (@.stateMachineState.technicalName == "completed")'
                    ) as refund
            ) as refunds
        left join
            lateral(
                select
                    line ->> 'productId' as product_id, {{ clean_text("line ->> 'label'") }} as product_name
                from {{ json_elements("document.lines") }}
                with ordinality as lines(line, position)
                where coalesce(line ->> 'type', 'product') in ('product', 'custom')
                order by
                    line ->> 'productId' is null,
                    {{ parse_number("line ->> 'totalPrice'") }} desc nulls last,
                    {{ parse_number("line ->> 'position'") }},
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
