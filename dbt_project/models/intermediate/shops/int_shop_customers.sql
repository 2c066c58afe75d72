{{ config(materialized="view") }}

with
    customers as ({{ of_every_shop("customers") }}),

    shops as (select * from {{ ref("stg_settings__shops") }}),

    merges as (select * from {{ ref("stg_settings__person_merges") }}),

    dated as (
        select
            customers.*,
            coalesce(merges.surviving_person_id, customers.identity_id) as person_id,
            {{ business_day("customers.created_at", "shops.timezone") }} as registered_on
        from customers
        inner join shops on shops.shop = customers.shop
        left join merges on merges.person_id = customers.identity_id
    )

select
    customer_id,
    shop,
    customer_number,
    account_number,
    identity_id,
    person_id,
    account_id,
    email,
    first_name,
    last_name,
    country,
    postcode,
    has_newsletter_consent,
    consent_said_at,
    registered_on,
    loaded_at,
    is_deleted,
    not is_deleted and coalesce(registered_on <= {{ run_date() }}, true) as is_known
from dated
