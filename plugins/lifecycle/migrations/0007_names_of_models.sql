-- These models have other names, and dbt makes them again. intermediate.int_delivered_messages keeps its name and its rows:
-- only it knows when a message was first seen.
drop table if exists
    $intermediate.int_noted_subjects,
    $intermediate.int_sightings,
    $intermediate.int_address_signs,
    $intermediate.int_effect_stays,
    $intermediate.int_scenario_dues,
    $seeds.contact_scenarios
cascade;
drop view if exists
    $intermediate.int_audience_stays,
    $staging.stg_sendgrid__single_sends,
    $staging.stg_sendgrid__automations
cascade;
