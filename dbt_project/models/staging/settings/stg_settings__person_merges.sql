{{ config(materialized="view") }}

-- a pair that was written when an address had more than one form
with
    source as (select * from {{ ref("person_merges") }}),

    former_persons as (select * from {{ source("delivery", "former_person") }}),

    renamed as (
        select
            coalesce(merged.person_id, source.person_id) as person_id,
            coalesce(surviving.person_id, source.surviving_person_id) as surviving_person_id,
            source.decided_on
        from source
        left join former_persons as merged on merged.former_id = source.person_id
        left join former_persons as surviving on surviving.former_id = source.surviving_person_id
    ),

    latest as (
        select distinct on (person_id) person_id, surviving_person_id, decided_on
        from renamed
        where person_id <> surviving_person_id
        order by person_id asc, decided_on desc nulls last, surviving_person_id asc
    )

select *
from latest
