{#
    Buyers with purchases in a currency that the seed exchange_rates has no rate for on that day: these count as
    purchases, but not as money.
#}
{{ config(severity="warn") }}
select person_id, orders - priced_orders as purchases
from {{ ref("int_purchase_totals") }}
where priced_orders < orders
