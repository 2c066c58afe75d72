{#
    The one shape of what providers have: column → type. The staging of each kind of provider has a model for each entity:
    contacts, list_members, suppressions, messages, events, campaigns.
#}
{% macro provider_columns(entity) -%}
    {%- set text, instant = dbt.type_string(), "timestamptz" -%}
    {%- set person = {"email": text, "created_at": instant, "identity_id": "uuid"} -%}
    {%- set columns = {
        "contacts": dict(
            contact_id=text, first_name=text, last_name=text, country=text, **person
        ),
        "list_members": dict(
            list_member_id=text, list_id=text, contact_id=text, list_name=text, **person
        ),
        "suppressions": dict(suppression_id=text, reason=text, **person),
        "messages": {
            "message_id": text,
            "email": text,
            "subject": text,
            "status": text,
            "opens": "integer",
            "clicks": "integer",
            "last_event_at": instant,
        },
        "events": {
            "event_id": text,
            "message_id": text,
            "campaign_id": text,
            "automation_id": text,
            "email": text,
            "event": text,
            "automation_name": text,
            "category": text,
            "categories": "jsonb",
            "bounce_type": text,
            "is_machine_open": "boolean",
            "occurred_at": instant,
        },
        "campaigns": {
            "campaign_id": text,
            "is_automation": "boolean",
            "name": text,
            "category": text,
            "categories": "jsonb",
            "status": text,
            "delivered": "bigint",
            "unique_opens": "bigint",
            "unique_clicks": "bigint",
            "bounces": "bigint",
            "spam_reports": "bigint",
            "unsubscribes": "bigint",
            "send_at": instant,
            "created_at": instant,
            "updated_at": instant,
        },
    } -%}
    {{ return(dict(source=text, loaded_at=instant, is_deleted="boolean", **columns[entity])) }}
{%- endmacro %}

{# The staging model of what a kind of provider doesn't have, or doesn't tell. #}
{% macro nothing_of(entity) -%}
    select
        {%- for column, type in provider_columns(entity).items() %}
            cast(null as {{ type }}) as {{ column }}{{ "," if not loop.last }}
        {%- endfor %}
    where false
{%- endmacro %}
