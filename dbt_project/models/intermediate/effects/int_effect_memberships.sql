{%- set line = "partition by decisions.audience, decisions.person_id order by decisions.since_on, decisions.since_run" -%}

-- what nights after the run date decided does not count, so that a night can be repeated
with
    decisions as (
        select audience, person_id, outcome, since_on, until_on, since_run
        from {{ source("delivery", "decision") }}
        where outcome in ('member', 'holdout') and since_on <= {{ run_date() }}
    ),

    experiments as (select distinct audience from decisions where outcome = 'holdout'),

    -- the random assignment is fixed for a person, so only another holdout_share moves somebody overnight
    followed as (
        select
            decisions.*,
            lag(decisions.outcome) over ({{ line }}) as outcome_before,
            lag(decisions.until_on) over ({{ line }}) as until_before
        from decisions
        inner join experiments on experiments.audience = decisions.audience
    )

select
    audience,
    person_id,
    outcome,
    since_on,
    outcome_before is null as is_first,
    coalesce(outcome_before <> outcome and until_before = since_on, false) as is_moved
from followed
