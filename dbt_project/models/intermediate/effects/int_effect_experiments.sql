with
    memberships as (select * from {{ ref("int_effect_memberships") }}),

    held_out as (
        select audience, min(since_on) as first_on, max(since_on) as last_on
        from memberships
        where outcome = 'holdout'
        group by audience
    ),

    moves as (select distinct audience, since_on as moved_on from memberships where is_moved)

-- the last time that one share held; before and after it, the arms are others
select
    held_out.audience,
    coalesce(
        max(case when moves.moved_on <= held_out.last_on then moves.moved_on end), held_out.first_on
    ) as started_on,
    min(case when moves.moved_on > held_out.last_on then moves.moved_on end) as ended_on
from held_out
left join moves on moves.audience = held_out.audience
group by held_out.audience, held_out.first_on
