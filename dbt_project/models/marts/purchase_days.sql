with
    purchases as (select * from {{ ref("int_orders") }} where is_purchase and identity is not null),

    persons as (select person_id, identity from {{ ref("int_persons") }}),

    days as (
        select
            identity,
            shop,
            business_day,
            currency,
            count(*) as orders,
            sum(case when is_in_shop_currency then 1 else 0 end) as priced_orders,
            sum(case when is_in_shop_currency then gross else 0 end) as gross,
            sum(case when is_in_shop_currency then refunded else 0 end) as refunded,
            sum(case when is_in_shop_currency then net else 0 end) as net
        from purchases
        group by identity, shop, business_day, currency
    )

select
    persons.person_id,
    days.shop,
    days.business_day,
    days.currency,
    cast(days.orders as integer) as orders,
    cast(days.priced_orders as integer) as priced_orders,
    days.gross,
    days.refunded,
    days.net
from days
inner join persons on persons.identity = days.identity
