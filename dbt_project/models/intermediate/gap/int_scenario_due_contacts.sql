{#- Contacts of the first month may belong to somebody who was due earlier: where there can be any, from whole months
    before, too. -#}
{%- set reaches_back = "-(due_within_days + " ~ measuring("late_days") ~ ")" %}

with
    scenarios as (
        select
            catalogue.*,
            {{ adapter.quote("trigger") }} as cause,
            case
                when recognised_by is null
                then {{ recounted_from() }}
                else {{ month_of(add_days(recounted_from(), reaches_back)) }}
            end as counted_from
        from {{ ref("contact_scenarios") }} as catalogue
        where is_measured
    ),

    -- by the rule set that the person's audiences go by
    persons as (
        select
            persons.person_id,
            stages.ruleset,
            case when persons.account_id is null then 'b2c' else 'b2b' end as market
        from {{ ref("int_persons") }} as persons
        inner join {{ ref("int_current_stages") }} as stages on stages.subject_id = persons.person_id
    ),

    intervals as (
        select
            persons.person_id,
            persons.market,
            intervals.stage,
            intervals.previous_stage,
            intervals.valid_from,
            intervals.valid_to
        from {{ ref("int_stage_intervals") }} as intervals
        inner join persons on persons.person_id = intervals.subject_id and persons.ruleset = intervals.ruleset
        where intervals.valid_from <= {{ run_date() }}
    ),

    -- intervals of the scenario's stage in which somebody can be due
    scenario_intervals as (
        select scenarios.scenario, scenarios.cause, scenarios.after_days, intervals.*
        from intervals
        inner join
            scenarios
            on scenarios.stage = intervals.stage
            and (scenarios.market = 'both' or scenarios.market = intervals.market)
            and (intervals.valid_to > scenarios.counted_from or intervals.valid_to is null)
            and (
                scenarios.cause in ('in_stage', 'purchases')
                or {{ add_days("intervals.valid_from", "scenarios.after_days") }} >= scenarios.counted_from
            )
    ),

    days as (
        select spine.day
        from
            (
                {{
                    days_from(
                        "(select min(scenarios.counted_from) from scenarios)",
                        run_date(),
                    )
                }}
            ) as spine
    ),

    months as (select distinct {{ month_of("day") }} as month from days),

    purchase_days as (
        select distinct person_id, business_day
        from {{ ref("purchase_days") }}
        where
            business_day >= (
                select min({{ add_days("scenarios.counted_from", "-scenarios.after_days") }})
                from scenarios
                where scenarios.cause = 'purchases'
            )
    ),

    occasions as (
        select scenario, person_id, {{ add_days("valid_from", "after_days") }} as due_on, valid_from, valid_to
        from scenario_intervals
        where cause = 'enters_stage' or (cause = 'is_won_back' and previous_stage in ('lapsed', 'lost'))
        union all
        select
            scenario_intervals.scenario,
            scenario_intervals.person_id,
            {{ add_days("months.month", "scenario_intervals.after_days") }} as due_on,
            scenario_intervals.valid_from,
            scenario_intervals.valid_to
        from scenario_intervals
        cross join months
        where scenario_intervals.cause = 'in_stage'
        union all
        select
            scenario_intervals.scenario,
            scenario_intervals.person_id,
            {{ add_days("purchase_days.business_day", "scenario_intervals.after_days") }} as due_on,
            scenario_intervals.valid_from,
            scenario_intervals.valid_to
        from scenario_intervals
        inner join purchase_days on purchase_days.person_id = scenario_intervals.person_id
        where scenario_intervals.cause = 'purchases'
    ),

    due_contacts as (
        select scenario, person_id, min(due_on) as due_on
        from occasions
        where due_on <= {{ run_date() }} and due_on >= valid_from and (due_on < valid_to or valid_to is null)
        group by scenario, person_id, {{ month_of("due_on") }}
    )

select
    scenarios.scenario,
    due_contacts.person_id,
    due_contacts.due_on,
    {{ add_days("due_contacts.due_on", "scenarios.due_within_days") }} as due_until
from due_contacts
inner join
    scenarios on scenarios.scenario = due_contacts.scenario and due_contacts.due_on >= scenarios.counted_from
