-- empty where there is one shop: everybody is its
select shop, person_id
from {{ ref("purchase_days") }}
where {{ literal(has_several_shops()) }}
union
select identity_events.origin as shop, identity_events.person_id
from {{ ref("int_identity_events") }} as identity_events
inner join {{ ref("stg_settings__shops") }} as shops on shops.shop = identity_events.origin
where
    {{ literal(has_several_shops()) }}
    and identity_events.is_fact
    and identity_events.seen_on <= {{ run_date() }}
