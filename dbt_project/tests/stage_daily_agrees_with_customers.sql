-- The running sums end where the customers stand.
with
    closing as (select stage, persons from {{ ref("stage_daily") }} where day = {{ run_date() }}),

    counted as (select stage, count(*) as persons from {{ ref("customers") }} group by stage)

select closing.stage, closing.persons as summed, coalesce(counted.persons, 0) as counted
from closing
left join counted on counted.stage = closing.stage
where closing.persons <> coalesce(counted.persons, 0)
