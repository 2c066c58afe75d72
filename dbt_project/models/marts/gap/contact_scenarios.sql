{%- set seed = ref("scenario_catalogue") %}

select
    scenario,
    {{ position_in_file(seed) }} as position,
    name,
    german_name,
    description,
    german_description,
    stage,
    market,
    {{ adapter.quote("trigger") }},
    {{ adapter.quote("trigger") }} in ({{ literals(measured_triggers()) }}) as is_measured,
    after_days,
    due_within_days,
    channel,
    race,
    is_always_on,
    audience,
    recognised_by,
    recognised_as
from {{ seed }}
