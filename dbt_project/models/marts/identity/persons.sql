with
    persons as (select * from {{ ref("int_persons") }}),

    customers as (select * from {{ ref("int_latest_shop_customers") }}),

    orders as (select * from {{ ref("int_latest_orders") }}),

    contacts as (select * from {{ ref("int_contacts") }}),

    consent as (select * from {{ ref("int_consent") }})

select
    persons.person_id,
    persons.email,
    persons.first_seen_on,
    coalesce(customers.country, orders.country, contacts.country) as country,
    cast(null as {{ dbt.type_string() }}) as language,
    coalesce(customers.first_name, orders.first_name, contacts.first_name) as first_name,
    coalesce(customers.last_name, orders.last_name, contacts.last_name) as last_name,
    coalesce(customers.postcode, orders.postcode) as postcode,
    consent.consent_state,
    consent.consent_basis,
    persons.account_id
from persons
left join customers on customers.person_id = persons.person_id
left join orders on orders.person_id = persons.person_id
left join contacts on contacts.identity_id = persons.person_id
left join consent on consent.person_id = persons.person_id
