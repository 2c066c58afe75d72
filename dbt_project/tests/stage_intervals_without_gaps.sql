-- Each interval ends on the day on which the person's next one begins; only the last
-- one is open.
with
    followed as (
        select
            person_id,
            valid_from,
            valid_to,
            lead(valid_from) over (partition by person_id order by valid_from) as next_valid_from
        from {{ ref("stage_intervals") }}
    )

select *
from followed
where coalesce(valid_to <> next_valid_from, true) and not (valid_to is null and next_valid_from is null)
