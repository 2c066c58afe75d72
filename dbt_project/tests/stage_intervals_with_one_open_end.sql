-- Every person has exactly one open interval.
with
    open_ends as (
        select persons.person_id, count(intervals.person_id) as intervals
        from {{ ref("persons") }} as persons
        left join
            {{ ref("stage_intervals") }} as intervals
            on intervals.person_id = persons.person_id
            and intervals.valid_to is null
        group by persons.person_id
    )

select *
from open_ends
where intervals <> 1
