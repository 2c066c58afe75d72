-- The running sums end with as many persons in each stage as stand in it on the run date.
with
    closing as (select ruleset, stage, persons from {{ ref("stage_daily") }} where day = {{ run_date() }}),

    counted as (
        select ruleset, stage, count(*) as persons
        from {{ ref("stage_intervals") }}
        where valid_from <= {{ run_date() }} and (valid_to > {{ run_date() }} or valid_to is null)
        group by ruleset, stage
    )

select closing.ruleset, closing.stage, closing.persons as summed, coalesce(counted.persons, 0) as counted
from closing
left join counted on counted.ruleset = closing.ruleset and counted.stage = closing.stage
where closing.persons <> coalesce(counted.persons, 0)
