with
    persons as (select * from {{ ref("persons") }}),

    identities as (select person_id, identity from {{ ref("int_persons") }}),

    stages as (select * from {{ ref("int_current_stages") }}),

    totals as (select * from {{ ref("int_purchase_totals") }}),

    ranks as (select * from {{ ref("int_value_ranks") }}),

    engagement as (select * from {{ ref("int_engagement") }}),

    last_purchases as (select * from {{ ref("int_latest_orders") }} where is_purchase),

    products as (select * from {{ ref("stg_woocommerce__products") }})

select
    persons.person_id,
    persons.email,
    persons.first_name,
    persons.last_name,
    persons.country,
    persons.language,
    persons.consent_state,
    persons.consent_basis,
    stages.stage,
    stages.stage_since,
    stages.previous_stage,
    stages.next_transition_on,
    stages.next_stage,
    persons.first_seen_on,
    totals.first_order_on,
    totals.last_order_on,
    totals.recency_days,
    cast(coalesce(totals.orders, 0) as integer) as orders,
    cast(coalesce(totals.purchase_days, 0) as integer) as purchase_days,
    coalesce(totals.revenue, 0) as revenue,
    totals.average_order_value,
    ranks.r_score,
    ranks.f_score,
    ranks.m_score,
    coalesce(ranks.vip, false) as vip,
    engagement.engagement,
    engagement.last_contacted_on,
    engagement.last_opened_on,
    engagement.last_clicked_on,
    last_purchases.lead_product_name as last_product,
    products.category as last_category,
    {{ run_date() }} as as_of
from persons
inner join identities on identities.person_id = persons.person_id
inner join stages on stages.person_id = persons.person_id
left join totals on totals.person_id = persons.person_id
left join ranks on ranks.person_id = persons.person_id
left join engagement on engagement.email = persons.email
left join last_purchases on last_purchases.identity = identities.identity
left join products on products.product_id = last_purchases.lead_product_id
