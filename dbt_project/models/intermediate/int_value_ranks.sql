{%- set vip = var("lifecycle")["vip"] -%}

with
    ranks as (
        select
            person_id,
            cume_dist() over (order by last_order_on) as recency_rank,
            cume_dist() over (order by purchase_days) as frequency_rank,
            cume_dist() over (order by revenue) as monetary_rank,
            cume_dist() over (
                order by {{ "orders" if vip["by"] == "orders" else "revenue" }} desc
            ) as vip_rank
        from {{ ref("int_purchase_totals") }}
    )

select
    person_id,
    cast(ceiling(recency_rank * 5) as integer) as r_score,
    cast(ceiling(frequency_rank * 5) as integer) as f_score,
    cast(ceiling(monetary_rank * 5) as integer) as m_score,
    vip_rank <= {{ vip["share"] }} as vip
from ranks
