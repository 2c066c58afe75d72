{{ config(materialized="view") }}

with
    catalogue as (select scenario, audience, is_measured from {{ ref("contact_scenarios") }}),

    responses as (select * from {{ ref("int_scenario_responses") }}),

    due as (
        select
            due_contacts.scenario,
            due_contacts.person_id,
            due_contacts.due_on,
            due_contacts.due_until,
            responses.contacted_on
        from {{ ref("int_scenario_due_contacts") }} as due_contacts
        left join
            responses
            on responses.scenario = due_contacts.scenario
            and responses.person_id = due_contacts.person_id
            and responses.due_on = due_contacts.due_on
        where due_contacts.due_on >= {{ recounted_from() }}
    ),

    -- when somebody was due, or was reached though not due
    occasions as (
        select scenario, person_id, due_on as day, due_until as last_day, contacted_on, true as is_due
        from due
        union all
        select
            matches.scenario,
            matches.person_id,
            matches.contacted_on as day,
            matches.contacted_on as last_day,
            matches.contacted_on,
            false as is_due
        from {{ ref("int_scenario_matches") }} as matches
        inner join catalogue on catalogue.scenario = matches.scenario
        where matches.due_on is null and catalogue.is_measured
    ),

    -- what a night of the same date decided does not count, so that it can be repeated
    decisions as (
        select
            catalogue.scenario,
            decisions.person_id,
            decisions.outcome,
            decisions.exclusion,
            decisions.since_on,
            decisions.since_run,
            case when decisions.until_on < {{ run_date() }} then decisions.until_on end as until_on
        from {{ source("delivery", "decision") }} as decisions
        inner join catalogue on catalogue.audience = decisions.audience
        where decisions.since_on < {{ run_date() }}
    ),

    in_force as (
        select
            occasions.scenario,
            occasions.person_id,
            occasions.day,
            decisions.outcome,
            decisions.exclusion,
            row_number() over (
                partition by occasions.scenario, occasions.person_id, occasions.day
                order by decisions.since_on desc, decisions.since_run desc
            ) as position,
            max(
                case when decisions.outcome = 'holdout' or decisions.exclusion = 'held out' then 1 else 0 end
            ) over (partition by occasions.scenario, occasions.person_id, occasions.day) as is_held_out
        from decisions
        inner join
            occasions
            on occasions.scenario = decisions.scenario
            and occasions.person_id = decisions.person_id
            and occasions.last_day >= decisions.since_on
            and (occasions.day < decisions.until_on or decisions.until_on is null)
    ),

    -- since when a person could not be written to
    not_contactable as (
        select
            persons.person_id,
            case
                when persons.consent_state = 'refused' and {{ is_plausible_email("persons.email") }}
                then
                    coalesce(
                        {{
                            business_day(
                                "evidence.said_at",
                                literal(settings()["timezone"]),
                            )
                        }},
                        cast('1900-01-01' as date)
                    )
                else cast('1900-01-01' as date)
            end as since_on
        from {{ ref("persons") }} as persons
        left join
            {{ ref("consent_evidence") }} as evidence
            on evidence.person_id = persons.person_id
            and evidence.is_decisive
        where
            persons.consent_state <> 'granted'
            or persons.email is null
            or not {{ is_plausible_email("persons.email") }}
    )

select
    occasions.scenario,
    occasions.person_id,
    occasions.day,
    coalesce(catalogue.audience, '') as audience,
    coalesce(in_force.outcome, 'none') as standing,
    coalesce(in_force.exclusion, '') as exclusion,
    case
        when not occasions.is_due
        then 'not_due'
        when occasions.contacted_on <= occasions.last_day
        then 'contacted_in_time'
        when occasions.contacted_on is not null
        then 'contacted_late'
        when in_force.is_held_out = 1
        then 'held_out'
        when not_contactable.since_on <= occasions.last_day
        then 'not_contactable'
        when occasions.last_day >= {{ run_date() }}
        then 'pending'
        else 'not_contacted'
    end as status
from occasions
inner join catalogue on catalogue.scenario = occasions.scenario
left join not_contactable on not_contactable.person_id = occasions.person_id
left join
    in_force
    on in_force.scenario = occasions.scenario
    and in_force.person_id = occasions.person_id
    and in_force.day = occasions.day
    and in_force.position = 1
