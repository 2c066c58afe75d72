{#- The state before this night is read from relations that are built later, so by name and not by ref. -#}
{%- set facts = existing_relation("intermediate", "int_orders") -%}
{%- set rates = existing_relation("intermediate", "int_applied_rates") -%}
{%- set merges = existing_relation("intermediate", "int_applied_merges") -%}

-- depends_on: {{ ref("int_shop_orders") }}
-- depends_on: {{ ref("int_shop_customers") }}
-- depends_on: {{ ref("stg_settings__shops") }}
-- depends_on: {{ ref("stg_settings__exchange_rates") }}
-- depends_on: {{ ref("stg_settings__person_merges") }}
{% if not (facts and rates and merges and is_incremental_night()) %}
    select order_id from {{ ref("int_shop_orders") }} where false
{% else %}
    with
        shops as (
            select
                shop,
                (
                    select coalesce(max(facts.loaded_at), '-infinity')
                    from {{ facts }} as facts
                    where facts.shop = shops.shop
                ) as orders_until,
                (
                    select coalesce(max(facts.customer_loaded_at), '-infinity')
                    from {{ facts }} as facts
                    where facts.shop = shops.shop
                ) as customers_until
            from {{ ref("stg_settings__shops") }} as shops
        ),

        landed as (
            select orders.order_id
            from shops
            inner join
                {{ ref("int_shop_orders") }} as orders
                on orders.shop = shops.shop
                and orders.loaded_at > shops.orders_until
        ),

        of_changed_customers as (
            select orders.order_id
            from shops
            inner join
                {{ ref("int_shop_customers") }} as customers
                on customers.shop = shops.shop
                and customers.loaded_at > shops.customers_until
            inner join {{ ref("int_shop_orders") }} as orders on orders.customer_id = customers.customer_id
        ),

        changed_rates as ({{ changed_rates(rates) }}),

        at_changed_rates as (
            select facts.order_id
            from changed_rates
            inner join
                {{ facts }} as facts
                on facts.currency = changed_rates.currency
                and facts.business_day >= changed_rates.valid_from
                and (facts.business_day < changed_rates.valid_to or changed_rates.valid_to is null)
        ),

        changed_merges as ({{ changed_merges(merges) }}),

        of_merged_persons as (
            select facts.order_id
            from changed_merges
            inner join {{ facts }} as facts on facts.identity_id = changed_merges.person_id
        )

    select order_id
    from landed
    union
    select order_id
    from of_changed_customers
    union
    select order_id
    from at_changed_rates
    union
    select order_id
    from of_merged_persons
{% endif %}
