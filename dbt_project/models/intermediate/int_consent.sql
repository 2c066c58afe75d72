with
    persons as (select person_id from {{ ref("int_persons") }}),

    suppressions as (select * from {{ ref("int_suppressions") }}),

    former_identities as (select * from {{ ref("int_former_identities") }}),

    newsletter_members as (
        select distinct person_id
        from {{ ref("int_sightings") }}
        where kind = 'member' and is_fact and identity_id = person_id and seen_on <= {{ run_date() }}
    ),

    checkboxes as (
        select
            identity_id,
            max(case when has_newsletter_consent then 0 else 1 end) = 1 as is_withdrawn,
            max(case when has_newsletter_consent and is_known then 1 else 0 end) = 1 as is_granted
        from {{ ref("int_shop_customers") }}
        where has_newsletter_consent is not null
        group by identity_id
    ),

    -- what a person decided under a former address holds on; that it bounced says nothing about the new one
    former_refusals as (
        select former_identities.person_id, min(suppressions.reason) as reason
        from former_identities
        inner join suppressions on suppressions.identity_id = former_identities.identity_id
        where suppressions.reason in ('spam_report', 'unsubscribe', 'group_unsubscribe')
        group by former_identities.person_id
    ),

    former_withdrawals as (
        select distinct former_identities.person_id
        from former_identities
        inner join checkboxes on checkboxes.identity_id = former_identities.identity_id
        where checkboxes.is_withdrawn
    ),

    buyers as (select person_id from {{ ref("int_purchase_totals") }}),

    bases as (
        select
            persons.person_id,
            case
                when suppressions.reason is not null
                then suppressions.reason
                when former_refusals.reason is not null
                then former_refusals.reason
                when checkboxes.is_withdrawn or former_withdrawals.person_id is not null
                then 'withdrawal'
                when newsletter_members.person_id is not null
                then 'double_opt_in'
                when checkboxes.is_granted
                then 'shop_checkbox'
                when
                    buyers.person_id is not null
                    and {{ literal(var("lifecycle")["consent"]["existing_customers"]) }}
                then 'existing_customer'
            end as consent_basis
        from persons
        left join suppressions on suppressions.identity_id = persons.person_id
        left join former_refusals on former_refusals.person_id = persons.person_id
        left join newsletter_members on newsletter_members.person_id = persons.person_id
        left join checkboxes on checkboxes.identity_id = persons.person_id
        left join former_withdrawals on former_withdrawals.person_id = persons.person_id
        left join buyers on buyers.person_id = persons.person_id
    )

select
    person_id,
    case
        when consent_basis is null
        then 'unknown'
        when consent_basis in ('double_opt_in', 'shop_checkbox', 'existing_customer')
        then 'granted'
        else 'refused'
    end as consent_state,
    consent_basis
from bases
