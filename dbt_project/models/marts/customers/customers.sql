with
    persons as (select * from {{ ref("persons") }}),

    stages as (select * from {{ ref("int_current_stages") }}),

    versions as ({{ ruleset_versions() }}),

    totals as (select * from {{ ref("int_purchase_totals") }}),

    ranks as (select * from {{ ref("int_value_ranks") }}),

    predictions as (select * from {{ ref("int_predictions") }}),

    engagement as (select * from {{ ref("int_engagement") }}),

    last_purchases as (select * from {{ ref("int_latest_orders") }} where is_purchase),

    products as (select * from {{ ref("int_shop_products") }}),

    -- the person's own gaps, and the shop's mean with the weight of some more
    gaps as (
        select
            totals.person_id,
            totals.purchase_days - 1 as own_gaps,
            {{ days_since("totals.first_order_on", "totals.last_order_on") }} as own_days,
            coalesce(versions.credibility_gaps, 0) as shop_gaps,
            coalesce(versions.mean_gap_days, 0) as shop_mean
        from totals
        inner join stages on stages.subject_id = totals.person_id
        inner join versions on versions.ruleset = stages.ruleset and versions.valid_to is null
    ),

    paces as (
        select
            person_id,
            cast(
                round(
                    cast(
                        (own_days + shop_gaps * shop_mean)
                        / nullif(own_gaps + shop_gaps, 0) as {{ dbt.type_numeric() }}
                    )
                ) as integer
            ) as expected_gap
        from gaps
    )

select
    persons.person_id,
    persons.email,
    persons.first_name,
    persons.last_name,
    persons.country,
    persons.language,
    persons.consent_state,
    persons.consent_basis,
    stages.ruleset,
    stages.stage,
    stages.stage_since,
    stages.is_late_entry,
    stages.previous_stage,
    stages.next_transition_on,
    stages.next_stage,
    persons.first_seen_on,
    totals.first_order_on,
    totals.last_order_on,
    {{ days_since("totals.last_order_on", run_date()) }} as recency_days,
    coalesce(totals.orders, 0) as orders,
    coalesce(totals.purchase_days, 0) as purchase_days,
    coalesce(totals.revenue, 0) as revenue,
    totals.average_order_value,
    ranks.r_score,
    ranks.f_score,
    ranks.m_score,
    coalesce(ranks.vip, false) as vip,
    {{ add_days("totals.last_order_on", "paces.expected_gap") }} as expected_next_order_on,
    round(cast(predictions.p_alive as {{ dbt.type_numeric() }}), 4) as p_alive,
    round(cast(predictions.expected_purchases_365 as {{ dbt.type_numeric() }}), 2) as expected_purchases_365,
    round(cast(predictions.expected_revenue_365 as {{ dbt.type_numeric() }}), 2) as expected_revenue_365,
    engagement.engagement,
    engagement.last_contacted_on,
    engagement.last_opened_on,
    engagement.last_machine_opened_on,
    engagement.last_clicked_on,
    engagement.last_bounced_on,
    last_purchases.lead_product_name as last_product,
    products.category as last_category,
    persons.account_id,
    account_stages.stage as account_stage,
    account_stages.stage_since as account_stage_since,
    {{ run_date() }} as as_of
from persons
inner join stages on stages.subject_id = persons.person_id
left join stages as account_stages on account_stages.subject_id = persons.account_id
left join totals on totals.person_id = persons.person_id
left join ranks on ranks.person_id = persons.person_id
left join paces on paces.person_id = persons.person_id
left join predictions on predictions.person_id = persons.person_id
left join engagement on engagement.email = persons.email
left join last_purchases on last_purchases.person_id = persons.person_id
left join products on products.product_id = last_purchases.lead_product_id
