{{ config(materialized="view") }}
{%- set machines_count = settings()["engagement"].get("machine_opens_count", false) %}

with
    -- where events tell of a message, only they know whether a person opened it
    delivered as (
        select
            messages.*,
            case
                when events_loaded_at is null
                then activity_opened_on
                {%- if machines_count %}
                    when opened_on is null or machine_opened_on < opened_on then machine_opened_on
                {%- endif %}
                else opened_on
            end as first_opened_on
        from {{ ref("int_delivered_messages") }} as messages
        where messages.delivered_on <= {{ run_date() }} and messages.email is not null
    )

select
    delivered.message_id,
    persons.person_id,
    delivered.delivered_on,
    delivered.subject,
    delivered.campaign_id,
    delivered.campaign_name,
    delivered.automation_id,
    delivered.automation_name,
    delivered.category,
    {{ as_json("delivered.categories") }} as categories,
    coalesce(delivered.first_opened_on <= {{ run_date() }}, false) as is_opened,
    coalesce(delivered.clicked_on <= {{ run_date() }}, false) as is_clicked,
    case when delivered.first_opened_on <= {{ run_date() }} then delivered.first_opened_on end as opened_on,
    case when delivered.clicked_on <= {{ run_date() }} then delivered.clicked_on end as clicked_on
from delivered
left join {{ ref("int_persons") }} as persons on persons.email = delivered.email
