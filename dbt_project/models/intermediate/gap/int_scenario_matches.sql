with
    contacts as (select * from {{ ref("int_scenario_contacts") }}),

    due_contacts as (select * from {{ ref("int_scenario_due_contacts") }}),

    -- of several times when the person was due, the latest
    due as (
        select
            contacts.scenario, contacts.person_id, contacts.contacted_on, max(due_contacts.due_on) as due_on
        from contacts
        inner join
            due_contacts
            on due_contacts.scenario = contacts.scenario
            and due_contacts.person_id = contacts.person_id
            and due_contacts.due_on <= contacts.contacted_on
            and {{ add_days("due_contacts.due_until", measuring("late_days")) }} >= contacts.contacted_on
        group by contacts.scenario, contacts.person_id, contacts.contacted_on
    )

select
    contacts.scenario,
    contacts.person_id,
    contacts.contacted_on,
    due.due_on,
    contacts.is_opened,
    contacts.is_clicked
from contacts
left join
    due
    on due.scenario = contacts.scenario
    and due.person_id = contacts.person_id
    and due.contacted_on = contacts.contacted_on
