with
    members as (
        select person_id, account_id, first_seen_on from {{ ref("int_persons") }} where account_id is not null
    ),

    names as (
        select account_id, min(shop) as shop, min(account_number) as account_number
        from {{ ref("int_shop_customers") }}
        where account_id is not null
        group by account_id
    ),

    stages as (select * from {{ ref("int_current_stages") }} where subject_kind = 'account'),

    accounts as (
        select
            members.account_id,
            count(*) as contacts,
            min(members.first_seen_on) as first_seen_on,
            min(totals.first_order_on) as first_order_on,
            max(totals.last_order_on) as last_order_on,
            sum(totals.orders) as orders,
            sum(totals.revenue) as revenue
        from members
        left join {{ ref("int_purchase_totals") }} as totals on totals.person_id = members.person_id
        group by members.account_id
    )

select
    accounts.account_id,
    names.shop,
    names.account_number,
    cast(accounts.contacts as integer) as contacts,
    stages.ruleset,
    stages.stage,
    stages.stage_since,
    stages.previous_stage,
    stages.next_transition_on,
    stages.next_stage,
    accounts.first_seen_on,
    accounts.first_order_on,
    accounts.last_order_on,
    cast(coalesce(accounts.orders, 0) as integer) as orders,
    coalesce(accounts.revenue, 0) as revenue
from accounts
inner join names on names.account_id = accounts.account_id
inner join stages on stages.subject_id = accounts.account_id
