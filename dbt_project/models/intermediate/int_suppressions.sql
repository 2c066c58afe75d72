with
    ranked as (
        select
            email,
            reason,
            case
                reason
                when 'spam_report'
                then 1
                when 'unsubscribe'
                then 2
                when 'group_unsubscribe'
                then 3
                when 'invalid_email'
                then 4
                when 'bounce'
                then 5
                else 6
            end as severity
        from {{ ref("stg_sendgrid__suppressions") }}
        where not is_deleted and email is not null
    ),

    strongest as (select email, min(severity) as severity from ranked group by email)

select distinct ranked.email, ranked.reason
from ranked
inner join strongest on strongest.email = ranked.email and strongest.severity = ranked.severity
