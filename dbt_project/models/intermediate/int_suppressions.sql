with
    ranked as (
        select
            identity_id,
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

    strongest as (select identity_id, min(severity) as severity from ranked group by identity_id)

select distinct ranked.identity_id, ranked.reason
from ranked
inner join strongest on strongest.identity_id = ranked.identity_id and strongest.severity = ranked.severity
