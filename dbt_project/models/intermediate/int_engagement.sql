with
    messages as (
        select
            email,
            status,
            opens,
            clicks,
            {{ business_day("last_event_at", literal(var("lifecycle")["timezone"])) }} as last_event_on
        from {{ ref("stg_sendgrid__messages") }}
        where not is_deleted and email is not null
    ),

    contacts as (
        select
            email,
            max(case when status = 'delivered' then last_event_on end) as last_contacted_on,
            max(case when opens > 0 then last_event_on end) as last_opened_on,
            max(case when clicks > 0 then last_event_on end) as last_clicked_on
        from messages
        where last_event_on <= {{ run_date() }}
        group by email
    ),

    unreachable as (
        select distinct email
        from {{ ref("stg_sendgrid__suppressions") }}
        where not is_deleted and email is not null and reason in ('bounce', 'block', 'invalid_email')
    ),

    addresses as (
        select email
        from contacts
        union
        select email
        from unreachable
    )

select
    addresses.email,
    case
        when unreachable.email is not null
        then 'unreachable'
        when
            coalesce(contacts.last_clicked_on, contacts.last_opened_on)
            >= {{ add_days(run_date(), -var("lifecycle")["engagement"]["engaged_days"]) }}
            or contacts.last_opened_on
            >= {{ add_days(run_date(), -var("lifecycle")["engagement"]["engaged_days"]) }}
        then 'engaged'
        when contacts.last_contacted_on is not null or contacts.last_opened_on is not null
        then 'dormant'
    end as engagement,
    contacts.last_contacted_on,
    contacts.last_opened_on,
    contacts.last_clicked_on
from addresses
left join contacts on contacts.email = addresses.email
left join unreachable on unreachable.email = addresses.email
