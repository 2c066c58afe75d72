-- The merges that the facts were derived with; the next night compares.
-- depends_on: {{ ref("int_orders") }}
-- depends_on: {{ ref("int_identity_events") }}
select person_id, surviving_person_id from {{ ref("stg_settings__person_merges") }}
