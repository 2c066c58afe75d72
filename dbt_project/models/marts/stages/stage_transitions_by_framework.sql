{{ config(materialized="view") }}

with phases as (select framework, stage, phase from {{ ref("int_framework_phases") }} where not is_vip)

select
    transitions.transition_id,
    transitions.person_id,
    transitions.ruleset,
    transitions.occurred_on,
    into_phase.framework,
    from_phase.phase as from_phase,
    into_phase.phase as to_phase,
    transitions.cause
from {{ ref("stage_transitions") }} as transitions
inner join phases as into_phase on into_phase.stage = transitions.to_stage
left join
    phases as from_phase
    on from_phase.framework = into_phase.framework
    and from_phase.stage = transitions.from_stage
where from_phase.phase is null or from_phase.phase <> into_phase.phase
