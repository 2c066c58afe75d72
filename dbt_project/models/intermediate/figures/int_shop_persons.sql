-- empty where there is one shop: everybody is its
select shop, person_id
from {{ ref("purchase_days") }}
where {{ literal(has_several_shops()) }}
union
select sightings.origin as shop, sightings.person_id
from {{ ref("int_sightings") }} as sightings
inner join {{ ref("stg_settings__shops") }} as shops on shops.shop = sightings.origin
where {{ literal(has_several_shops()) }} and sightings.is_fact and sightings.seen_on <= {{ run_date() }}
