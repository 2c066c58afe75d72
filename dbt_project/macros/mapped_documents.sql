{#
    Staging of the shops whose rows are mapped to our own fields (files, sql): extraction has read times, money and
    words already, so that here every field has its type and its default.
#}
{% macro mapped_orders(kind) -%}
    with
        source as ({{ changed_documents(kind, "orders") }}),

        renamed as (
            select
                -- ids
                source.id as order_id,
                source.source as shop,
                source.source || '/' || document.customer_id as customer_id,
                document.customer_id as customer_number,
                source.source
                || '/'
                || coalesce(document.product_id, document.product_name) as lead_product_id,

                -- text
                coalesce(document.status, 'paid') as status,
                document.payment_method,
                false as is_draft,
                coalesce(document.is_test = 'true', false) as is_test,
                document.currency,
                {{ normalize_email("document.email") }} as billing_email,
                {{ clean_text("document.first_name") }} as first_name,
                {{ clean_text("document.last_name") }} as last_name,
                upper({{ clean_text("document.country") }}) as country,
                upper({{ clean_text("document.postcode") }}) as postcode,
                {{ clean_text("document.product_name") }} as lead_product_name,

                -- numerics
                {{ parse_number("document.total") }} as total,
                coalesce({{ parse_number("document.refunded") }}, 0) as refunded,
                {{ parse_number("document.total") }} is null
                or (
                    document.refunded is not null and {{ parse_number("document.refunded") }} is null
                ) as has_unreadable_money,

                -- timestamps
                {{ parse_timestamp("document.ordered_at") }} as created_at,
                source.loaded_at,
                source.is_deleted
            from source
            cross join
                lateral jsonb_to_record(source.doc) as document(
                    customer_id text,
                    email text,
                    first_name text,
                    last_name text,
                    country text,
                    postcode text,
                    status text,
                    payment_method text,
                    is_test text,
                    currency text,
                    total text,
                    refunded text,
                    product_id text,
                    product_name text,
                    ordered_at text
                )
        ),

        identified as (
            select
                renamed.*, {{ identity_id("billing_email", "shop", "customer_number") }} as guest_identity_id
            from renamed
        )

    select *
    from identified
{%- endmacro %}

{# A checkbox has no moment of its own here, so when consent was given is not known. #}
{% macro mapped_customers(kind) -%}
    with
        source as ({{ changed_documents(kind, "customers") }}),

        renamed as (
            select
                -- ids
                source.id as customer_id,
                source.source as shop,
                document.customer_id as customer_number,
                document.account_number,

                -- text
                {{ normalize_email("document.email") }} as email,
                {{ clean_text("document.first_name") }} as first_name,
                {{ clean_text("document.last_name") }} as last_name,
                upper({{ clean_text("document.country") }}) as country,
                upper({{ clean_text("document.postcode") }}) as postcode,

                -- consent: no word is no answer
                document.newsletter = 'true' as has_newsletter_consent,
                cast(null as timestamptz) as consent_said_at,

                -- timestamps
                {{ parse_timestamp("document.created_at") }} as created_at,
                source.loaded_at,
                source.is_deleted
            from source
            cross join
                lateral jsonb_to_record(source.doc) as document(
                    customer_id text,
                    account_number text,
                    email text,
                    first_name text,
                    last_name text,
                    country text,
                    postcode text,
                    newsletter text,
                    created_at text
                )
        ),

        identified as (
            select
                renamed.*,
                {{ identity_id("email", "shop", "customer_number") }} as identity_id,
                {{ name_based_uuid("'account:' || shop || ':' || account_number") }} as account_id
            from renamed
        )

    select *
    from identified
{%- endmacro %}

{# The products that orders name, as the latest order names them; without an id, the name is the id. #}
{% macro mapped_products(kind) -%}
    with
        source as ({{ raw_documents(kind, "orders") }}),

        renamed as (
            select
                -- ids
                source.source || '/' || coalesce(document.product_id, document.product_name) as product_id,
                source.source as shop,
                source.id as order_id,

                -- text
                {{ clean_text("document.product_name") }} as product_name,
                {{ clean_text("document.category") }} as category,

                -- timestamps
                {{ parse_timestamp("document.ordered_at") }} as ordered_at,
                source.loaded_at
            from source
            cross join
                lateral jsonb_to_record(source.doc) as document(
                    product_id text, product_name text, category text, ordered_at text
                )
            where not source.is_deleted
        ),

        latest as (
            select distinct
                on (product_id) product_id, shop, product_name, category, loaded_at, false as is_deleted
            from renamed
            where product_id is not null
            order by product_id, ordered_at desc nulls last, order_id desc
        )

    select *
    from latest
{%- endmacro %}
