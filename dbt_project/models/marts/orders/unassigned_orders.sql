select order_id, shop, business_day, gross, set_aside as reason
from {{ ref("int_orders") }}
where set_aside is not null and coalesce(business_day <= {{ run_date() }}, true)
