{{
    config(
        materialized="incremental",
        incremental_strategy="append",
        on_schema_change="fail",
        full_refresh=false,
        indexes=[{"columns": ["subject_id"]}],
    )
}}

-- filled by int_stage_intervals in the transaction that changes the intervals, emptied by stage_builds
select
    cast(null as uuid) as subject_id,
    cast(null as {{ dbt.type_string() }}) as subject_kind,
    cast(null as {{ dbt.type_string() }}) as ruleset,
    cast(null as date) as valid_from,
    cast(null as {{ dbt.type_string() }}) as previous_stage,
    cast(null as {{ dbt.type_string() }}) as stage
where false
