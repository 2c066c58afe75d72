-- Orders dated days after the run date: no facts before that day comes.
{{ config(severity="warn") }}
select order_id, shop, business_day
from {{ ref("int_orders") }}
where business_day > {{ add_days(run_date(), 2) }} and business_day > {{ dbt.current_timestamp() }}
