{{
    config(
        materialized="incremental",
        incremental_strategy="subjects",
        unique_key="person_id",
        on_schema_change="fail",
        indexes=[{"columns": ["person_id"], "unique": true}, {"columns": ["account_id"]}],
        pre_hook="{{ prefer_index_scans() }}",
        post_hook="{{ analyze_if_all_is_new() }}",
    )
}}

-- depends_on: {{ ref("int_affected_subjects") }}
with
    orders as (
        select person_id, identity_id, email, business_day as seen_on
        from {{ ref("int_orders") }}
        where is_fact and person_id is not null and {{ is_affected("person_id") }}
    ),

    identity_events as (
        select person_id, identity_id, email, seen_on, account_id, identity_event_id
        from {{ ref("int_identity_events") }}
        where
            is_fact
            and person_id is not null
            and seen_on <= {{ run_date() }}
            and {{ is_affected("person_id") }}
    ),

    facts as (
        select person_id, identity_id, email, seen_on
        from orders
        where seen_on <= {{ run_date() }}
        union all
        select person_id, identity_id, email, seen_on
        from identity_events
    ),

    persons as (
        select
            person_id,
            -- of merged persons the survivor's own address
            max(case when identity_id = person_id then email end) as own_email,
            max(email) as any_email,
            min(seen_on) as first_seen_on
        from facts
        group by person_id
    ),

    memberships as (
        select
            person_id,
            account_id,
            row_number() over (
                partition by person_id order by seen_on desc, identity_event_id desc
            ) as position
        from identity_events
        where account_id is not null
    )

select
    persons.person_id,
    coalesce(persons.own_email, persons.any_email) as email,
    persons.first_seen_on,
    memberships.account_id
from persons
left join memberships on memberships.person_id = persons.person_id and memberships.position = 1
