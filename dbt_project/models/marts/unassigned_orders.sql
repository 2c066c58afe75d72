select order_id, shop, business_day, gross, 'no e-mail address and no customer account' as reason
from {{ ref("int_orders") }}
where identity is null
