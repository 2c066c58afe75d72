with
    moves as (
        select 'all' as shop, ruleset, occurred_on as day, from_stage, to_stage, subjects as persons
        from {{ ref("int_stage_movements") }}
        where subject_kind = 'person' and occurred_on <= {{ run_date() }} and subjects <> 0
        union all
        select
            shop_persons.shop,
            intervals.ruleset,
            intervals.valid_from as day,
            coalesce(intervals.previous_stage, 'none') as from_stage,
            intervals.stage as to_stage,
            count(*) as persons
        from {{ ref("int_stage_intervals") }} as intervals
        inner join
            {{ ref("int_shop_persons") }} as shop_persons on shop_persons.person_id = intervals.subject_id
        where intervals.valid_from <= {{ run_date() }}
        group by
            shop_persons.shop,
            intervals.ruleset,
            intervals.valid_from,
            intervals.previous_stage,
            intervals.stage
    )

select
    shop,
    ruleset,
    day,
    from_stage,
    to_stage,
    cast(persons as bigint) as persons,
    from_stage in ('lapsed', 'lost') and to_stage = 'active' as is_win_back
from moves
