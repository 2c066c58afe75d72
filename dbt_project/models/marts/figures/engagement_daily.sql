with
    messages as (
        select
            delivered_on as day,
            count(*) as delivered,
            sum(case when is_opened then 1 else 0 end) as opened,
            sum(case when is_clicked then 1 else 0 end) as clicked
        from {{ ref("messages") }}
        where delivered_on <= {{ run_date() }}
        group by delivered_on
    ),

    -- one that was lifted later happened nevertheless
    suppressions as (
        select email, reason, {{ business_day("created_at", literal(settings()["timezone"])) }} as day
        from {{ ref("int_esp_suppressions") }}
        where email is not null and created_at is not null
    ),

    refusals as (
        select
            day,
            count(
                distinct case when reason in ('bounce', 'block', 'invalid_email') then email end
            ) as bounced,
            count(
                distinct
                case when reason in ('unsubscribe', 'group_unsubscribe', 'spam_report') then email end
            ) as unsubscribed
        from suppressions
        where day <= {{ run_date() }}
        group by day
    ),

    first_day as (
        select min(day) as day
        from
            (
                select day
                from messages
                union all
                select day
                from refusals
            ) as known_days
    ),

    days as (select spine.day from ({{ days_from("(select day from first_day)", run_date()) }}) as spine)

select
    days.day,
    cast(coalesce(messages.delivered, 0) as integer) as delivered,
    cast(coalesce(messages.opened, 0) as integer) as opened,
    cast(coalesce(messages.clicked, 0) as integer) as clicked,
    cast(coalesce(refusals.bounced, 0) as integer) as bounced,
    cast(coalesce(refusals.unsubscribed, 0) as integer) as unsubscribed
from days
left join messages on messages.day = days.day
left join refusals on refusals.day = days.day
