{{
    config(
        materialized="incremental",
        unique_key="email",
        incremental_strategy="delete+insert",
        on_schema_change="fail",
        indexes=[{"columns": ["email"], "unique": true}],
        pre_hook="{{ prefer_index_scans() }}",
        post_hook="{{ analyze_if_all_is_new() }}",
    )
}}

{%- set timezone = literal(settings()["timezone"]) -%}

{#
    A row holds from the day of its latest event until the day of the next one to come. It is derived again when the run
    date is outside of these days, or something landed.
#}
with
    {% if is_partial() -%}
        affected as (
            select email
            from {{ ref("int_esp_messages") }}
            where
                loaded_at
                > (select coalesce(max(known.messages_loaded_at), '-infinity') from {{ this }} as known)
            union
            select email
            from {{ ref("int_esp_events") }}
            where
                loaded_at
                > (select coalesce(max(known.events_loaded_at), '-infinity') from {{ this }} as known)
            union
            select email
            from {{ this }}
            where {{ run_date() }} < valid_from or {{ run_date() }} >= valid_to
        ),
    {%- endif %}

    events as (
        select
            email,
            event,
            bounce_type,
            is_machine_open,
            case when not is_deleted then {{ business_day("occurred_at", timezone) }} end as occurred_on,
            loaded_at
        from {{ ref("int_esp_events") }}
        where
            event in ('delivered', 'open', 'click', 'bounce')
            {% if is_partial() -%} and email in (select affected.email from affected) {%- endif %}
    ),

    first_events as (select email, min(occurred_on) as occurred_on from events group by email),

    messages as (
        select
            message_id,
            email,
            status,
            opens,
            clicks,
            case when not is_deleted then {{ business_day("last_event_at", timezone) }} end as occurred_on,
            loaded_at
        from {{ ref("int_esp_messages") }}
        where
            email is not null
            {% if is_partial() -%} and email in (select affected.email from affected) {%- endif %}
    ),

    observations as (
        select
            messages.email,
            messages.occurred_on,
            false as is_delivered,
            -- message activity takes machines for people; events tell them apart, so they count instead
            messages.opens > 0
            and (first_events.email is null or messages.occurred_on < first_events.occurred_on) as is_opened,
            false as is_opened_by_machine,
            messages.clicks > 0 as is_clicked,
            false as is_bounced,
            messages.loaded_at as messages_loaded_at,
            cast(null as timestamptz) as events_loaded_at
        from messages
        left join first_events on first_events.email = messages.email
        union all
        -- whatever happened to it later, a message was delivered once
        select
            messages.email,
            delivered.delivered_on as occurred_on,
            true as is_delivered,
            false as is_opened,
            false as is_opened_by_machine,
            false as is_clicked,
            false as is_bounced,
            messages.loaded_at as messages_loaded_at,
            null as events_loaded_at
        from messages
        inner join
            {{ ref("int_delivered_messages") }} as delivered on delivered.message_id = messages.message_id
        where messages.status = 'delivered' and messages.occurred_on is not null
        union all
        select
            email,
            occurred_on,
            event = 'delivered' as is_delivered,
            event = 'open' and not is_machine_open as is_opened,
            event = 'open' and is_machine_open as is_opened_by_machine,
            event = 'click' as is_clicked,
            event = 'bounce' and bounce_type <> 'blocked' as is_bounced,
            null as messages_loaded_at,
            loaded_at as events_loaded_at
        from events
        where email is not null
        {% if is_incremental() and not is_partial() -%}
            -- by other rules, what no source tells any more is forgotten
            union all
            select email, null, false, false, false, false, false, null, null
            from {{ this }}
        {%- endif %}
    ),

    dated as (select observations.*, occurred_on <= {{ run_date() }} as is_past from observations)

select
    email,
    max(case when is_past and is_delivered then occurred_on end) as last_delivered_on,
    max(case when is_past and is_opened then occurred_on end) as last_opened_on,
    max(case when is_past and is_opened_by_machine then occurred_on end) as last_machine_opened_on,
    max(case when is_past and is_clicked then occurred_on end) as last_clicked_on,
    max(case when is_past and is_bounced then occurred_on end) as last_bounced_on,
    max(case when is_past then occurred_on end) as valid_from,
    min(case when not is_past then occurred_on end) as valid_to,
    max(messages_loaded_at) as messages_loaded_at,
    max(events_loaded_at) as events_loaded_at
from dated
group by email
