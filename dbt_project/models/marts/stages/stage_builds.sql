{{
    config(
        materialized="incremental",
        incremental_strategy="append",
        on_schema_change="fail",
        full_refresh=false,
        post_hook=["{{ record_corrections() }}", "{{ clear_dirty_subjects() }}"],
    )
}}
{%- set build = last_build() %}

-- whatever a night derives only in part is complete before a build is finished
-- depends_on: {{ ref("int_dirty_subjects") }}
-- depends_on: {{ ref("int_applied_rates") }}
-- depends_on: {{ ref("int_applied_merges") }}
-- depends_on: {{ ref("int_persons") }}
-- depends_on: {{ ref("int_purchase_totals") }}
-- depends_on: {{ ref("int_latest_orders") }}
-- depends_on: {{ ref("int_stage_intervals") }}
-- depends_on: {{ ref("int_believed_stages") }}
-- depends_on: {{ ref("stage_corrections") }}
-- depends_on: {{ ref("int_email_engagement") }}
select
    {% if is_incremental() %}
        coalesce((select max(builds.build_id) from {{ this }} as builds), 0) + 1 as build_id,
    {% else %} 1 as build_id,
    {% endif %}
    {{ run_date() }} as run_date,
    '{{ rules_hash() if execute }}' as rules_hash,
    {{ literal(not is_incremental_night()) }} as is_whole,
    cast(count(case when subject_kind = 'person' then 1 end) as integer) as persons,
    cast(count(case when subject_kind = 'account' then 1 end) as integer) as accounts,
    {{ dbt.current_timestamp() }} as built_at
from {{ ref("int_affected_subjects") }}
