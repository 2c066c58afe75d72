-- What the orders were converted with; the next night compares.
-- depends_on: {{ ref("int_orders") }}
select currency, valid_from, rate from {{ ref("stg_settings__exchange_rates") }}
