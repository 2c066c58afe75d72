{{
    config(
        materialized="incremental",
        incremental_strategy="facts",
        unique_key="order_id",
        on_schema_change="fail",
        indexes=[
            {"columns": ["order_id"], "unique": true},
            {"columns": ["person_id"]},
            {"columns": ["identity_id"]},
            {"columns": ["business_day"]},
            {"columns": ["set_aside"]},
            {"columns": ["currency", "business_day"]},
            {"columns": ["shop", "loaded_at"]},
            {"columns": ["shop", "customer_loaded_at"]},
        ],
        pre_hook=[
            "{{ prefer_index_scans() }}",
            "{{ mark_everything_dirty() }}",
            "{{ mark_changed_merges_dirty() }}",
            "{{ mark_changed_rates_dirty() }}",
        ],
        post_hook="{{ analyze_if_all_is_new() }}",
    )
}}

-- depends_on: {{ ref("int_dirty_subjects") }}
-- depends_on: {{ ref("int_changed_orders") }}
with
    orders as (
        select *
        from {{ ref("int_shop_orders") }}
        {% if is_partial() %}
            where order_id in (select order_id from {{ ref("int_changed_orders") }})
        {% endif %}
    ),

    shops as (select * from {{ ref("stg_settings__shops") }}),

    paid_statuses as (select * from {{ ref("stg_settings__paid_statuses") }}),

    test_payment_methods as (select * from {{ ref("stg_settings__test_payment_methods") }}),

    customers as (select * from {{ ref("int_shop_customers") }}),

    merges as (select * from {{ ref("stg_settings__person_merges") }}),

    rates as (select * from {{ ref("stg_settings__exchange_rates") }}),

    dated as (
        select
            orders.*,
            shops.first_business_day,
            shops.zero_value_orders_count,
            coalesce(orders.currency, shops.currency) as order_currency,
            {{ business_day("orders.created_at", "shops.timezone") }} as business_day,
            coalesce(orders.total, 0) as gross
        from orders
        inner join shops on shops.shop = orders.shop
    ),

    owned as (
        select
            dated.*,
            customers.loaded_at as customer_loaded_at,
            coalesce(customers.email, dated.billing_email) as email,
            case
                when customers.email is not null then customers.identity_id else dated.guest_identity_id
            end as identity_id
        from dated
        left join customers on customers.customer_id = dated.customer_id
    ),

    judged as (
        select
            owned.*,
            coalesce(merges.surviving_person_id, owned.identity_id) as person_id,
            case
                when owned.order_currency = {{ literal(settings()["currency"]) }} then 1 else rates.rate
            end as exchange_rate,
            not owned.is_deleted
            and not owned.is_draft
            and not coalesce(owned.is_test, false)
            and tests.payment_method is null as is_real,
            coalesce(owned.business_day >= owned.first_business_day, false) as is_dated,
            paid_statuses.status is not null
            and owned.gross >= 0
            and not (owned.gross > 0 and owned.gross <= owned.refunded)
            and (owned.gross > 0 or owned.zero_value_orders_count) as is_paid
        from owned
        left join merges on merges.person_id = owned.identity_id
        left join paid_statuses on paid_statuses.shop = owned.shop and paid_statuses.status = owned.status
        left join
            test_payment_methods as tests
            on tests.shop = owned.shop
            and tests.payment_method = owned.payment_method
        left join
            rates
            on rates.currency = owned.order_currency
            and owned.business_day >= rates.valid_from
            and (owned.business_day < rates.valid_to or rates.valid_to is null)
    )

select
    order_id,
    shop,
    identity_id,
    person_id,
    email,
    first_name,
    last_name,
    country,
    postcode,
    business_day,
    created_at,
    status,
    is_real and is_dated as is_fact,
    is_real and is_dated and is_paid as is_purchase,
    case
        when not is_real
        then null
        when person_id is null
        then 'no e-mail address and no customer account'
        when business_day is null
        then 'no readable date'
        when not is_dated
        then 'dated before the first business day of its shop'
    end as set_aside,
    order_currency as currency,
    gross,
    refunded,
    gross - refunded as net,
    exchange_rate,
    lead_product_id,
    lead_product_name,
    loaded_at,
    customer_loaded_at
from judged
