-- Orders that carry neither an address nor an account: they are in no one's stage.
{{ config(severity="warn") }} select order_id, shop, business_day, reason from {{ ref("unassigned_orders") }}
