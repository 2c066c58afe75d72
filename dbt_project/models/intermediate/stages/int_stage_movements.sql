{{
    config(
        materialized="incremental",
        incremental_strategy="append",
        on_schema_change="fail",
        full_refresh=false,
        indexes=[
            {
                "columns": ["subject_kind", "ruleset", "occurred_on", "from_stage", "to_stage"],
                "unique": true,
            }
        ],
    )
}}

-- filled by int_stage_intervals in the transaction that changes the intervals
select
    cast(null as {{ dbt.type_string() }}) as subject_kind,
    cast(null as {{ dbt.type_string() }}) as ruleset,
    cast(null as date) as occurred_on,
    cast(null as {{ dbt.type_string() }}) as from_stage,
    cast(null as {{ dbt.type_string() }}) as to_stage,
    cast(null as bigint) as subjects
where false
