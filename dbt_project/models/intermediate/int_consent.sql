with
    persons as (select person_id, identity, email from {{ ref("int_persons") }}),

    suppressions as (select * from {{ ref("int_suppressions") }}),

    newsletter_members as (select * from {{ ref("int_newsletter_members") }}),

    checkboxes as (
        select
            identity,
            max(case when has_newsletter_consent then 0 else 1 end) = 1 as is_withdrawn,
            max(case when has_newsletter_consent and is_known then 1 else 0 end) = 1 as is_granted
        from {{ ref("int_accounts") }}
        where has_newsletter_consent is not null
        group by identity
    ),

    buyers as (select distinct person_id from {{ ref("purchase_days") }}),

    bases as (
        select
            persons.person_id,
            case
                when suppressions.reason is not null
                then suppressions.reason
                when checkboxes.is_withdrawn
                then 'withdrawal'
                when newsletter_members.email is not null
                then 'double_opt_in'
                when checkboxes.is_granted
                then 'shop_checkbox'
                when
                    buyers.person_id is not null
                    and {{ literal(var("lifecycle")["consent"]["existing_customers"]) }}
                then 'existing_customer'
            end as consent_basis
        from persons
        left join suppressions on suppressions.email = persons.email
        left join newsletter_members on newsletter_members.email = persons.email
        left join checkboxes on checkboxes.identity = persons.identity
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
