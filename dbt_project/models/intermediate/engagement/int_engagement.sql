{%- set rules = settings()["engagement"] -%}
{%- set since = add_days(run_date(), -rules["engaged_days"]) -%}

with
    email_engagement as (select * from {{ ref("int_email_engagement") }} where valid_from is not null),

    suppressions as (
        select
            email,
            reason = 'block' as is_passing,
            coalesce(
                {{ business_day("created_at", literal(settings()["timezone"])) }}, {{ run_date() }}
            ) as refused_on
        from {{ ref("int_esp_suppressions") }}
        where not is_deleted and email is not null and reason in ('bounce', 'block', 'invalid_email')
    ),

    -- a block passes, and a bounce can be lifted: then what is delivered later counts
    refusals as (
        select email, is_passing, refused_on
        from suppressions
        where refused_on <= {{ run_date() }}
        union all
        select email, true as is_passing, last_bounced_on as refused_on
        from email_engagement
        where last_bounced_on is not null
    ),

    refused as (
        select
            email,
            max(refused_on) as last_refused_on,
            max(case when is_passing then 0 else 1 end) as is_suppressed
        from refusals
        group by email
    ),

    addresses as (
        select email
        from email_engagement
        union
        select email
        from refused
    )

select
    addresses.email,
    case
        when refused.is_suppressed = 1 or refused.last_refused_on >= email_engagement.last_delivered_on
        then 'unreachable'
        when refused.email is not null and email_engagement.last_delivered_on is null
        then 'unreachable'
        when
            email_engagement.last_clicked_on >= {{ since }} or email_engagement.last_opened_on >= {{ since }}
            {% if rules.get("machine_opens_count") -%}
                or email_engagement.last_machine_opened_on >= {{ since }}
            {%- endif %}
        then 'engaged'
        when
            email_engagement.last_delivered_on is not null
            or email_engagement.last_opened_on is not null
            or email_engagement.last_machine_opened_on is not null
            or email_engagement.last_clicked_on is not null
        then 'dormant'
    end as engagement,
    email_engagement.last_delivered_on as last_contacted_on,
    email_engagement.last_opened_on,
    email_engagement.last_clicked_on,
    email_engagement.last_delivered_on,
    email_engagement.last_machine_opened_on,
    email_engagement.last_bounced_on
from addresses
left join email_engagement on email_engagement.email = addresses.email
left join refused on refused.email = addresses.email
