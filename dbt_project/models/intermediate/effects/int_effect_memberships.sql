{{ config(pre_hook="{{ disable_nested_loops() }}") }}
{%- set line = "partition by decisions.audience, decisions.person_id order by decisions.since_on, decisions.since_run" -%}

-- what nights after the run date decided does not count, so that a night can be repeated
with
    decisions as (
        select audience, person_id, outcome, since_on, until_on, since_run
        from {{ source("delivery", "decision") }}
        where (outcome in ('member', 'holdout') or exclusion = 'held out') and since_on <= {{ run_date() }}
    ),

    held_out as (select audience, person_id, since_on, until_on from decisions where outcome = 'holdout'),

    experiments as (select distinct audience from held_out),

    -- the random assignment is fixed for a person, so only another holdout_share moves somebody overnight
    followed as (
        select
            decisions.*,
            lag(decisions.outcome) over ({{ line }}) as outcome_before,
            lag(decisions.until_on) over ({{ line }}) as until_before
        from decisions
        inner join experiments on experiments.audience = decisions.audience
    ),

    held_out_elsewhere as (
        select followed.audience, followed.person_id, followed.since_on
        from followed
        inner join held_out on held_out.person_id = followed.person_id
        where
            held_out.audience <> followed.audience
            and held_out.since_on <= followed.since_on
            and (held_out.until_on > followed.since_on or held_out.until_on is null)
        group by followed.audience, followed.person_id, followed.since_on
    )

select
    followed.audience,
    followed.person_id,
    followed.outcome,
    followed.since_on,
    followed.outcome_before is null as is_first,
    coalesce(
        followed.outcome <> followed.outcome_before
        and followed.until_before = followed.since_on
        and 'excluded' not in (followed.outcome, followed.outcome_before),
        false
    ) as is_moved,
    followed.outcome = 'excluded' or held_out_elsewhere.person_id is not null as is_held_out_elsewhere
from followed
left join
    held_out_elsewhere
    on held_out_elsewhere.audience = followed.audience
    and held_out_elsewhere.person_id = followed.person_id
    and held_out_elsewhere.since_on = followed.since_on
