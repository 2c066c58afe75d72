with
    sightings as (
        select identity, email, min(business_day) as seen_on
        from {{ ref("int_orders") }}
        where identity is not null
        group by identity, email
        union all
        select identity, email, registered_on as seen_on
        from {{ ref("int_accounts") }}
        where is_known and registered_on is not null
        union all
        select 'email:' || email as identity, email, created_on as seen_on
        from {{ ref("int_contacts") }}
        union all
        select 'email:' || email as identity, email, joined_on as seen_on
        from {{ ref("int_newsletter_members") }}
    ),

    persons as (
        select identity, max(email) as email, min(seen_on) as first_seen_on from sightings group by identity
    )

select {{ name_based_uuid("identity") }} as person_id, identity, email, first_seen_on
from persons
