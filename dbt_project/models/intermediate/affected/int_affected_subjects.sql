{{
    config(
        indexes=[{"columns": ["subject_id"], "unique": true}],
        post_hook="{{ mark_affected_subjects_dirty() }}",
    )
}}

{%- set build = last_build() %}
{%- set everything = not is_incremental_night() %}

-- depends_on: {{ ref("int_dirty_subjects") }}
with
    orders as (
        select person_id, business_day as seen_on from {{ ref("int_orders") }} where person_id is not null
    ),

    identity_events as (
        select person_id, account_id, seen_on
        from {{ ref("int_identity_events") }}
        where person_id is not null
    ),

    persons as (
        {% if everything %}
            select person_id
            from orders
            union
            select person_id
            from identity_events
        {% else %}
            {%- set days %}
                seen_on > least(cast('{{ build["run_date"] }}' as date), {{ run_date() }})
                and seen_on <= greatest(cast('{{ build["run_date"] }}' as date), {{ run_date() }})
            {%- endset %}
            select subject_id as person_id
            from {{ ref("int_dirty_subjects") }}
            where subject_kind = 'person'
            -- facts dated between the last run date and this one have become known, or are not known yet
            union
            select person_id
            from orders
            where {{ days }}
            union
            select person_id
            from identity_events
            where {{ days }}
        {% endif %}
    ),

    accounts as (
        select identity_events.account_id
        from identity_events
        inner join persons on persons.person_id = identity_events.person_id
        where identity_events.account_id is not null
        {% if not everything %}
            union
            select subject_id as account_id
            from {{ ref("int_dirty_subjects") }}
            where subject_kind = 'account'
        {% endif %}
    )

select person_id as subject_id, 'person' as subject_kind
from persons
union
select account_id as subject_id, 'account' as subject_kind
from accounts
