{{ config(materialized="view") }}

select
    subject_id as account_id,
    ruleset,
    ruleset_version,
    stage,
    previous_stage,
    valid_from,
    valid_to,
    cause,
    purchase_days_before
from {{ ref("int_stage_intervals") }}
where subject_kind = 'account'
