{{
    config(
        materialized="incremental",
        incremental_strategy="append",
        on_schema_change="fail",
        full_refresh=false,
    )
}}

-- filled by stage_builds in the transaction that finishes a build
select
    cast(null as uuid) as subject_id,
    cast(null as {{ dbt.type_string() }}) as subject_kind,
    cast(null as {{ dbt.type_string() }}) as ruleset,
    cast(null as date) as occurred_on,
    cast(null as {{ dbt.type_string() }}) as believed_from_stage,
    cast(null as {{ dbt.type_string() }}) as believed_stage,
    cast(null as {{ dbt.type_string() }}) as from_stage,
    cast(null as {{ dbt.type_string() }}) as stage,
    cast(null as date) as known_on
where false
