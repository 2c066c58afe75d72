with
    contacts as (select * from {{ ref("int_scenario_contacts") }}),

    dues as (select * from {{ ref("int_scenario_dues") }}),

    -- of several times when the person was due, the latest
    due as (
        select contacts.scenario, contacts.person_id, contacts.contacted_on, max(dues.due_on) as due_on
        from contacts
        inner join
            dues
            on dues.scenario = contacts.scenario
            and dues.person_id = contacts.person_id
            and dues.due_on <= contacts.contacted_on
            and {{ add_days("dues.due_until", measuring("late_days")) }} >= contacts.contacted_on
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
