{{
    config(
        materialized="incremental",
        incremental_strategy="facts",
        unique_key="identity_event_id",
        on_schema_change="fail",
        indexes=[
            {"columns": ["identity_event_id"], "unique": true},
            {"columns": ["person_id"]},
            {"columns": ["identity_id"]},
            {"columns": ["account_id"]},
            {"columns": ["seen_on"]},
            {"columns": ["kind", "origin", "loaded_at"]},
        ],
        pre_hook=[
            "{{ prefer_index_scans() }}",
            "{{ mark_everything_dirty() }}",
            "{{ mark_changed_merges_dirty() }}",
        ],
        post_hook="{{ analyze_if_all_is_new() }}",
    )
}}

-- depends_on: {{ ref("int_dirty_subjects") }}
{%- set timezone = literal(settings()["timezone"]) -%}
{%- set applied_merges = existing_relation("intermediate", "int_applied_merges") %}

with
    customers as (
        select
            'customer:' || customer_id as identity_event_id,
            'customer' as kind,
            shop as origin,
            identity_id,
            email,
            account_id,
            registered_on as seen_on,
            not is_deleted as is_there,
            loaded_at
        from {{ ref("int_shop_customers") }}
        where {{ landed_since_last_build("customer", "shop", connected_shops()) }}
    ),

    contacts as (
        select
            'contact:' || contact_id as identity_event_id,
            'contact' as kind,
            source as origin,
            identity_id,
            email,
            cast(null as uuid) as account_id,
            {{ business_day("created_at", timezone) }} as seen_on,
            not is_deleted as is_there,
            loaded_at
        from {{ ref("int_esp_contacts") }}
        where {{ landed_since_last_build("contact", "source", connected_providers()) }}
    ),

    landed_members as (
        select *
        from {{ ref("int_esp_list_members") }}
        where {{ landed_since_last_build("member", "source", connected_providers()) }}
    ),

    members as (
        select
            'member:' || landed_members.list_member_id as identity_event_id,
            'member' as kind,
            landed_members.source as origin,
            landed_members.identity_id,
            landed_members.email,
            cast(null as uuid) as account_id,
            {{ business_day("landed_members.created_at", timezone) }} as seen_on,
            not landed_members.is_deleted and opt_in_lists.list_name is not null as is_there,
            landed_members.loaded_at
        from landed_members
        left join
            {{ ref("stg_settings__opt_in_lists") }} as opt_in_lists
            on opt_in_lists.source = landed_members.source
            and opt_in_lists.list_name = landed_members.list_name
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
                before.identity_event_id,
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
            where before.identity_event_id not in (select landed.identity_event_id from landed)
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
    changed.identity_event_id,
    changed.kind,
    changed.origin,
    changed.identity_id,
    coalesce(person_merges.surviving_person_id, changed.identity_id) as person_id,
    changed.account_id,
    changed.email,
    changed.seen_on,
    changed.is_there and changed.seen_on is not null and changed.identity_id is not null as is_fact,
    changed.loaded_at
from changed
left join
    {{ ref("stg_settings__person_merges") }} as person_merges on person_merges.person_id = changed.identity_id
