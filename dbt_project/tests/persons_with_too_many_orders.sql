-- More orders than one person makes: a till, a marketplace, a test. They count all the same.
{{ config(severity="warn") }}
select person_id, orders
from {{ ref("int_purchase_totals") }}
where orders > 10000
