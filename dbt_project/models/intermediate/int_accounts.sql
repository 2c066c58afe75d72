with
    customers as (select * from {{ ref("stg_woocommerce__customers") }}),

    shops as (select * from {{ ref("stg_settings__shops") }}),

    dated as (
        select customers.*, {{ business_day("customers.created_at", "shops.timezone") }} as registered_on
        from customers
        inner join shops on shops.shop = customers.shop
    )

select
    customer_id,
    shop,
    coalesce('email:' || email, 'shop:' || shop || ':customer:' || customer_number) as identity,
    email,
    first_name,
    last_name,
    country,
    has_newsletter_consent,
    registered_on,
    not is_deleted and coalesce(registered_on <= {{ run_date() }}, true) as is_known
from dated
