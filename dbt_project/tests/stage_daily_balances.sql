-- opening + entered - left = persons, and a day opens as the day before closed.
with
    followed as (
        select daily.*, lag(persons) over (partition by ruleset, stage order by day) as closing_before
        from {{ ref("stage_daily") }} as daily
    )

select ruleset, day, stage, opening, entered, persons, closing_before
from followed
where
    opening + entered - {{ adapter.quote("left") }} <> persons
    or opening <> coalesce(closing_before, 0)
    or persons < 0
