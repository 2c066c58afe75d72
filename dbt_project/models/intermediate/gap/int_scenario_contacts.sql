with
    carriers as (
        select scenario, channel, recognised_by, recognised_as
        from {{ ref("contact_scenarios") }}
        where recognised_by is not null
    ),

    messages as (
        select * from {{ ref("messages") }} where person_id is not null and delivered_on <= {{ run_date() }}
    ),

    recognised as (
        select
            carriers.scenario,
            messages.person_id,
            messages.delivered_on as contacted_on,
            messages.is_opened,
            messages.is_clicked
        from carriers
        inner join
            messages
            on messages.delivered_on >= {{ recounted_from() }}
            and {{ is_recognised("messages", "carriers") }}
        where carriers.recognised_by <> 'list'
    ),

    persons as (select person_id, email from {{ ref("int_persons") }}),

    -- what a night of the same date did does not count, so that it can be repeated
    memberships as (
        select
            membership.person_id,
            membership.list_name,
            membership.entered_on,
            -- a night fills its list in the small hours of the day after
            {{ add_days("membership.entered_on", 1) }} as works_from,
            case when membership.left_on < {{ run_date() }} then membership.left_on end as left_on
        from {{ source("delivery", "membership") }} as membership
        inner join persons on persons.person_id = membership.person_id
        where membership.entered_on < {{ run_date() }}
        union all
        select
            persons.person_id,
            members.list_name,
            {{ business_day("members.created_at", literal(settings()["timezone"])) }} as entered_on,
            {{ business_day("members.created_at", literal(settings()["timezone"])) }} as works_from,
            null as left_on
        from {{ ref("int_esp_list_members") }} as members
        inner join persons on persons.email = members.email
        where not members.is_deleted
    ),

    scenario_memberships as (
        select
            carriers.scenario,
            carriers.channel,
            memberships.person_id,
            memberships.entered_on,
            memberships.works_from,
            memberships.left_on
        from carriers
        inner join memberships on memberships.list_name = carriers.recognised_as
        where carriers.recognised_by = 'list' and memberships.entered_on <= {{ run_date() }}
    ),

    -- the first message to somebody who is on the list
    followed as (
        select
            scenario_memberships.scenario,
            scenario_memberships.person_id,
            messages.delivered_on as contacted_on,
            messages.is_opened,
            messages.is_clicked,
            rank() over (
                partition by
                    scenario_memberships.scenario,
                    scenario_memberships.person_id,
                    scenario_memberships.entered_on
                order by messages.delivered_on
            ) as position
        from scenario_memberships
        inner join
            messages
            on messages.person_id = scenario_memberships.person_id
            and messages.delivered_on >= scenario_memberships.works_from
            and (
                messages.delivered_on <= scenario_memberships.left_on or scenario_memberships.left_on is null
            )
        where scenario_memberships.channel = 'email'
    ),

    contacts as (
        select *
        from recognised
        union all
        select scenario, person_id, contacted_on, is_opened, is_clicked
        from followed
        where position = 1
        union all
        -- elsewhere, being on the list is the contact
        select scenario, person_id, entered_on as contacted_on, false as is_opened, false as is_clicked
        from scenario_memberships
        where channel <> 'email'
    )

select
    scenario,
    person_id,
    contacted_on,
    max(case when is_opened then 1 else 0 end) = 1 as is_opened,
    max(case when is_clicked then 1 else 0 end) = 1 as is_clicked
from contacts
where contacted_on >= {{ recounted_from() }}
group by scenario, person_id, contacted_on
