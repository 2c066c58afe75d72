with
    borders as (
        select
            person_id,
            previous_stage as from_stage,
            stage as to_stage,
            valid_from as occurred_on,
            cause,
            cast(person_id as {{ dbt.type_string() }})
            || '|'
            || cast(valid_from as {{ dbt.type_string() }})
            || '|'
            || stage as transition_name
        from {{ ref("stage_intervals") }}
    )

select
    {{ name_based_uuid("transition_name") }} as transition_id,
    person_id,
    from_stage,
    to_stage,
    occurred_on,
    cause,
    coalesce(from_stage in ('lapsed', 'lost') and to_stage = 'active', false) as is_win_back
from borders
