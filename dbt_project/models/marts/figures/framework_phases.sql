with
    phases as (select framework, stage, phase from {{ ref("int_framework_phases") }} where not is_vip),

    stages as (
        {% for stage in stages() %}
            select '{{ stage }}' as stage, {{ loop.index }} as position {{ "union all" if not loop.last }}
        {% endfor %}
    )

select phases.framework, phases.stage, phases.phase, stages.position
from phases
inner join stages on stages.stage = phases.stage
