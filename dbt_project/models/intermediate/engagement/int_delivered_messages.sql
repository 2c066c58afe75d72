{{
    config(
        materialized="incremental",
        unique_key="message_id",
        incremental_strategy="delete+insert",
        on_schema_change="fail",
        full_refresh=false,
        indexes=[{"columns": ["message_id"], "unique": true}, {"columns": ["email"]}],
        pre_hook="{{ add_missing_columns({'delivery_event_on': 'date', 'sent_on': 'date'}) }}",
        post_hook="{{ record_filling_sql() }}",
    )
}}
{%- set timezone = literal(settings()["timezone"]) %}
{%- set texts = [
    "email",
    "subject",
    "campaign_id",
    "campaign_name",
    "automation_id",
    "automation_name",
    "category",
    "categories",
] %}
{%- set days = [
    "delivered_on",
    "delivery_event_on",
    "sent_on",
    "activity_opened_on",
    "opened_on",
    "machine_opened_on",
    "clicked_on",
] %}
{%- set landed = ["messages_loaded_at", "events_loaded_at"] %}

{#
    Message activity dates a message by its latest event, so the day on which it was first seen is kept: the table outlives
    a full refresh. After a change of SQL all documents are read again. A day in it only ever becomes an earlier one, but for
    that of the delivery, which the event of it decides; without one, the day on which the campaign was sent, if known.
#}
with
    activity as (
        select
            message_id,
            is_deleted,
            case when not is_deleted then email end as email,
            case when not is_deleted then subject end as subject,
            status = 'delivered' and not is_deleted as is_delivered,
            opens > 0 and not is_deleted as is_opened,
            clicks > 0 and not is_deleted as is_clicked,
            {{ business_day("last_event_at", timezone) }} as occurred_on,
            loaded_at
        from {{ ref("int_esp_messages") }}
        {% if is_filled_by_same_sql() -%}
            where
                loaded_at
                > (select coalesce(max(known.messages_loaded_at), '-infinity') from {{ this }} as known)
        {%- endif %}
    ),

    events as (
        select
            events.message_id,
            events.event,
            events.is_machine_open,
            events.email,
            events.campaign_id,
            campaigns.name as campaign_name,
            events.automation_id,
            events.automation_name,
            events.category,
            cast(events.categories as {{ dbt.type_string() }}) as categories,
            {{ business_day("events.occurred_at", timezone) }} as occurred_on,
            case
                when campaigns.send_at <= events.occurred_at
                then {{ business_day("campaigns.send_at", timezone) }}
            end as sent_on,
            events.loaded_at
        from {{ ref("int_esp_events") }} as events
        left join
            {{ ref("int_esp_campaigns") }} as campaigns
            on campaigns.source = events.source
            and campaigns.campaign_id = events.campaign_id
            and not campaigns.is_automation
        where
            events.message_id is not null
            and events.event in ('delivered', 'open', 'click')
            and not events.is_deleted
            {% if is_filled_by_same_sql() -%}
                and events.loaded_at
                > (select coalesce(max(known.events_loaded_at), '-infinity') from {{ this }} as known)
            {%- endif %}
    ),

    observations as (
        select
            message_id,
            is_deleted,
            email,
            subject,
            cast(null as {{ dbt.type_string() }}) as campaign_id,
            cast(null as {{ dbt.type_string() }}) as campaign_name,
            cast(null as {{ dbt.type_string() }}) as automation_id,
            cast(null as {{ dbt.type_string() }}) as automation_name,
            cast(null as {{ dbt.type_string() }}) as category,
            cast(null as {{ dbt.type_string() }}) as categories,
            case when is_delivered then occurred_on end as delivered_on,
            cast(null as date) as delivery_event_on,
            cast(null as date) as sent_on,
            case when is_opened then occurred_on end as activity_opened_on,
            cast(null as date) as opened_on,
            cast(null as date) as machine_opened_on,
            case when is_clicked then occurred_on end as clicked_on,
            loaded_at as messages_loaded_at,
            cast(null as timestamptz) as events_loaded_at
        from activity
        union all
        select
            message_id,
            false as is_deleted,
            email,
            null as subject,
            campaign_id,
            campaign_name,
            automation_id,
            automation_name,
            category,
            categories,
            case when event = 'delivered' then occurred_on end as delivered_on,
            case when event = 'delivered' then occurred_on end as delivery_event_on,
            sent_on,
            null as activity_opened_on,
            case when event = 'open' and not is_machine_open then occurred_on end as opened_on,
            case when event = 'open' and is_machine_open then occurred_on end as machine_opened_on,
            case when event = 'click' then occurred_on end as clicked_on,
            null as messages_loaded_at,
            loaded_at as events_loaded_at
        from events
    )
    {% if is_incremental() -%}
        ,

        known as (
            select message_id, false as is_deleted, {{ (texts + days + landed) | join(", ") }}
            from {{ this }}
            where message_id in (select observations.message_id from observations)
        )
    {%- endif %}

select
    message_id,
    {%- for text in texts %}
        case when max(case when is_deleted then 1 else 0 end) = 0 then max({{ text }}) end as {{ text }},
    {%- endfor %}
    coalesce(min(delivery_event_on), {{ earlier_day("min(sent_on)", "min(delivered_on)") }}) as delivered_on,
    {%- for day in days[1:] %} min({{ day }}) as {{ day }}, {%- endfor %}
    max(messages_loaded_at) as messages_loaded_at,
    max(events_loaded_at) as events_loaded_at
from
    (
        select *
        from observations
        {% if is_incremental() -%}
            union all
            select *
            from known
        {%- endif %}
    ) as seen
group by message_id
