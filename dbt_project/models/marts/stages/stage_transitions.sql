{{ config(materialized="view") }}

-- depends_on: {{ ref("stage_builds") }}
with
    borders as (
        select
            subject_id as person_id,
            ruleset,
            previous_stage as from_stage,
            stage as to_stage,
            valid_from as occurred_on,
            cause,
            cast(subject_id as {{ dbt.type_string() }})
            || '|'
            || ruleset
            || '|'
            || cast(valid_from as {{ dbt.type_string() }})
            || '|'
            || stage as transition_name
        from {{ ref("int_stage_intervals") }}
        where subject_kind = 'person'
    ),

    corrections as (
        select subject_id, ruleset, occurred_on, from_stage, stage, min(known_on) as known_on
        from {{ ref("stage_corrections") }}
        where subject_kind = 'person' and stage is not null and known_on <= {{ run_date() }}
        group by subject_id, ruleset, occurred_on, from_stage, stage
    )

select
    {{ name_based_uuid("borders.transition_name") }} as transition_id,
    borders.person_id,
    borders.ruleset,
    borders.from_stage,
    borders.to_stage,
    borders.occurred_on,
    case when corrections.known_on is not null then 'correction' else borders.cause end as cause,
    coalesce(borders.from_stage in ('lapsed', 'lost') and borders.to_stage = 'active', false) as is_win_back,
    corrections.known_on as corrected_on
from borders
left join
    corrections
    on corrections.subject_id = borders.person_id
    and corrections.ruleset = borders.ruleset
    and corrections.occurred_on = borders.occurred_on
    and corrections.stage = borders.to_stage
    and coalesce(corrections.from_stage, '') = coalesce(borders.from_stage, '')
