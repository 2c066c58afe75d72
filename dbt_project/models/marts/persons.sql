with
    persons as (select * from {{ ref("int_persons") }}),

    accounts as (select * from {{ ref("int_latest_accounts") }}),

    orders as (select * from {{ ref("int_latest_orders") }}),

    contacts as (select * from {{ ref("int_contacts") }}),

    consent as (select * from {{ ref("int_consent") }})

select
    persons.person_id,
    persons.email,
    persons.first_seen_on,
    coalesce(accounts.country, orders.country, contacts.country) as country,
    cast(null as {{ dbt.type_string() }}) as language,
    coalesce(accounts.first_name, orders.first_name, contacts.first_name) as first_name,
    coalesce(accounts.last_name, orders.last_name, contacts.last_name) as last_name,
    consent.consent_state,
    consent.consent_basis,
    cast(null as {{ dbt.type_string() }}) as account_id
from persons
left join accounts on accounts.identity = persons.identity
left join orders on orders.identity = persons.identity
left join contacts on contacts.email = persons.email
left join consent on consent.person_id = persons.person_id
