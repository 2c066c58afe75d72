with
    totals as (
        select
            person_id,
            min(business_day) as first_order_on,
            max(business_day) as last_order_on,
            count(distinct business_day) as purchase_days,
            sum(orders) as orders,
            sum(
                case when currency = {{ literal(var("lifecycle")["currency"]) }} then priced_orders else 0 end
            ) as priced_orders,
            sum(
                case when currency = {{ literal(var("lifecycle")["currency"]) }} then net else 0 end
            ) as revenue
        from {{ ref("purchase_days") }}
        group by person_id
    )

select
    person_id,
    first_order_on,
    last_order_on,
    {{ days_since("last_order_on", run_date()) }} as recency_days,
    purchase_days,
    orders,
    revenue,
    round(revenue / nullif(priced_orders, 0), 2) as average_order_value
from totals
