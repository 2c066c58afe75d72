{{
    config(
        materialized="incremental",
        incremental_strategy="facts",
        unique_key="sighting_id",
        on_schema_change="fail",
        indexes=[
            {"columns": ["sighting_id"], "unique": true},
            {"columns": ["person_id"]},
            {"columns": ["identity_id"]},
            {"columns": ["account_id"]},
            {"columns": ["seen_on"]},
            {"columns": ["kind", "loaded_at"]},
        ],
        pre_hook=["{{ few_among_many() }}", "{{ note_everything() }}", "{{ doubt_changed_merges() }}"],
        post_hook="{{ analyze_if_all_is_new() }}",
    )
}}

-- depends_on: {{ ref("int_noted_subjects") }}
{%- set house_zone = literal(settings()["timezone"]) -%}
{%- set applied_merges = existing_relation("intermediate", "int_applied_merges") %}

with
    customers as (
        select
            'customer:' || customer_id as sighting_id,
            'customer' as kind,
            shop as origin,
            identity_id,
            email,
            account_id,
            registered_on as seen_on,
            not is_deleted as is_there,
            loaded_at
        from {{ ref("int_shop_customers") }}
        where {{ landed_since_last_build("customer") }}
    ),

    contacts as (
        select
            'contact:' || contact_id as sighting_id,
            'contact' as kind,
            'esp' as origin,
            identity_id,
            email,
            cast(null as uuid) as account_id,
            {{ business_day("created_at", house_zone) }} as seen_on,
            not is_deleted as is_there,
            loaded_at
        from {{ ref("stg_sendgrid__contacts") }}
        where {{ landed_since_last_build("contact") }}
    ),

    members as (
        select
            'member:' || list_member_id as sighting_id,
            'member' as kind,
            'esp' as origin,
            identity_id,
            email,
            cast(null as uuid) as account_id,
            {{ business_day("created_at", house_zone) }} as seen_on,
            not is_deleted
            and list_name in ({{ literals(settings()["esp"].get("opt_in_lists", [])) }}) as is_there,
            loaded_at
        from {{ ref("stg_sendgrid__list_members") }}
        where {{ landed_since_last_build("member") }}
    ),

    landed as (
        select *
        from customers
        union all
        select *
        from contacts
        union all
        select *
        from members
    ),

    {% if is_partial() %}
        changed_merges as ({{ changed_merges(applied_merges) }}),

        of_merged_persons as (
            select
                before.sighting_id,
                before.kind,
                before.origin,
                before.identity_id,
                before.email,
                before.account_id,
                before.seen_on,
                before.is_fact as is_there,
                before.loaded_at
            from changed_merges
            inner join {{ this }} as before on before.identity_id = changed_merges.person_id
            where before.sighting_id not in (select sighting_id from landed)
        ),
    {% endif %}

    changed as (
        select *
        from landed
        {% if is_partial() %}
            union all
            select *
            from of_merged_persons
        {% endif %}
    )

select
    changed.sighting_id,
    changed.kind,
    changed.origin,
    changed.identity_id,
    coalesce(merges.surviving_person_id, changed.identity_id) as person_id,
    changed.account_id,
    changed.email,
    changed.seen_on,
    coalesce(
        changed.is_there and changed.seen_on is not null and changed.identity_id is not null, false
    ) as is_fact,
    changed.loaded_at
from changed
left join {{ ref("person_merges") }} as merges on merges.person_id = changed.identity_id
