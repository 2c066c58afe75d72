with
    orders as (select * from {{ ref("stg_woocommerce__orders") }} where not is_deleted and not is_draft),

    shops as (select * from {{ ref("stg_settings__shops") }}),

    paid_statuses as (select * from {{ ref("stg_settings__paid_statuses") }}),

    accounts as (select * from {{ ref("int_accounts") }} where is_known),

    dated as (
        select
            orders.*,
            shops.currency as shop_currency,
            shops.zero_value_orders_count,
            {{ business_day("orders.created_at", "shops.timezone") }} as business_day,
            coalesce(orders.total, 0) as gross
        from orders
        inner join shops on shops.shop = orders.shop
    ),

    judged as (
        select
            dated.*,
            paid_statuses.status is not null
            and not (dated.gross > 0 and dated.gross <= dated.refunded)
            and (dated.gross > 0 or dated.zero_value_orders_count) as is_purchase
        from dated
        left join paid_statuses on paid_statuses.shop = dated.shop and paid_statuses.status = dated.status
        where dated.business_day <= {{ run_date() }}
    )

select
    judged.order_id,
    judged.shop,
    coalesce(
        'email:' || coalesce(accounts.email, judged.billing_email),
        'shop:' || judged.shop || ':customer:' || judged.customer_number
    ) as identity,
    coalesce(accounts.email, judged.billing_email) as email,
    judged.first_name,
    judged.last_name,
    judged.country,
    judged.business_day,
    judged.created_at,
    judged.status,
    judged.is_purchase,
    judged.shop_currency as currency,
    coalesce(judged.currency, judged.shop_currency) = judged.shop_currency as is_in_shop_currency,
    judged.gross,
    judged.refunded,
    judged.gross - judged.refunded as net,
    judged.lead_product_id,
    judged.lead_product_name
from judged
left join accounts on accounts.customer_id = judged.customer_id
