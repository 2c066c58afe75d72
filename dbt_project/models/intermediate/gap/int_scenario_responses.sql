-- Where nothing is measured nobody is due; there, the first contact of a month counts.
with
    matches as (
        select
            matches.*,
            catalogue.is_measured,
            {{ month_of("coalesce(matches.due_on, matches.contacted_on)") }} as month
        from {{ ref("int_scenario_matches") }} as matches
        inner join {{ ref("contact_scenarios") }} as catalogue on catalogue.scenario = matches.scenario
        where matches.due_on is not null or not catalogue.is_measured
    ),

    first_contacts as (
        select
            matches.*,
            row_number() over (
                partition by scenario, person_id, month, due_on order by contacted_on
            ) as position
        from matches
    )

select
    scenario,
    person_id,
    month,
    due_on,
    contacted_on,
    is_opened,
    is_clicked,
    exists (
        select 1
        from {{ ref("purchase_days") }} as purchase_days
        where
            purchase_days.person_id = first_contacts.person_id
            and purchase_days.business_day > first_contacts.contacted_on
            and purchase_days.business_day
            <= {{ add_days("first_contacts.contacted_on", measuring("response_days")) }}
    ) as is_purchased
from first_contacts
where position = 1
