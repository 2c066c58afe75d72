{{
    config(
        materialized="incremental",
        incremental_strategy="stages",
        unique_key="subject_id",
        on_schema_change="fail",
        pre_hook=["{{ prefer_index_scans() }}", "{{ clear_stage_changes() }}"],
        post_hook=["{{ count_movements() }}", "{{ analyze_if_all_is_new() }}"],
    )
}}
{%- set rulesets = settings()["stages"]["rulesets"] %}
{%- set person_or_account = "ruleset, subject_id" if rulesets | length > 1 else "subject_id" %}
{%- set line = "partition by " ~ person_or_account ~ " order by day, is_purchase" %}

-- depends_on: {{ ref("int_affected_subjects") }}
-- depends_on: {{ ref("int_stage_movements") }}
-- depends_on: {{ ref("int_believed_stages") }}
-- depends_on: {{ ref("int_identity_events") }}
-- depends_on: {{ ref("int_orders") }}
with
    versions as ({{ ruleset_versions() }}),

    persons as (select * from {{ ref("int_persons") }} where {{ is_affected("person_id") }}),

    moments as ({{ stage_moments(rulesets) }}),

    -- the entry is moment 0, so a purchase's position is its ordinal
    ordered_moments as (
        select
            moments.*,
            row_number() over ({{ line }}) - 1 as ordinal,
            lead(day) over ({{ line }}) as next_day,
            nth_value(day, 2) over ({{ line }}) as first_purchase_on
        from moments
    ),

    -- how many days without a purchase lead from a moment to each later stage
    judged_moments as ({{ judged_moments() }}),

    -- the stage on the last day before the next moment; none if that is the same day
    outlived_moments as (
        select
            judged_moments.*,
            case
                when ordinal = 0
                then case when next_day > day then 'prospect' end
                when next_day > {{ add_days("day", "lost_after") }}
                then 'lost'
                when next_day > {{ add_days("day", "lapsed_after") }}
                then 'lapsed'
                when next_day > {{ add_days("day", "at_risk_after") }}
                then 'at_risk'
                when
                    ordinal = 1
                    and (active_after is null or next_day <= {{ add_days("day", "active_after") }})
                then 'new'
                else 'active'
            end as stage_outlived,
            ordinal > 0
            and (next_day is null or next_day > {{ add_days("day", "at_risk_after") }}) as is_overdue
        from judged_moments
    ),

    followed_moments as (
        select outlived_moments.*, lag(stage_outlived) over ({{ line }}) as stage_before from outlived_moments
    ),

    -- a purchase by somebody active who buys again in time changes nothing
    turning_moments as (
        select followed_moments.*, stage_before is null or ordinal = 1 or stage_before <> 'active' as is_turn
        from followed_moments
        where is_overdue or ordinal < 2 or stage_before <> 'active'
    ),

    -- purchases prolong a moment's stage until the next turning moment, unless that one is a turn
    runs as (
        select
            turning_moments.*,
            case
                when ordinal = 0
                then next_day
                when is_overdue
                then {{ add_days("day", "at_risk_after") }}
                when lead(is_turn) over ({{ line }})
                then next_day
                else lead({{ add_days("day", "at_risk_after") }}) over ({{ line }})
            end as run_ends_on
        from turning_moments
    ),

    steps as (
        {% for number in range(5) %}
            select {{ number }} as step {{ "union all" if not loop.last }}
        {% endfor %}
    ),

    -- what a moment brings: its own stage, active by time, at risk, lapsed, lost
    brought as (
        select
            runs.*,
            steps.step,
            case
                steps.step
                when 0
                then runs.day
                when 1
                then {{ add_days("runs.day", "runs.active_after") }}
                when 2
                then {{ add_days("runs.day", "runs.at_risk_after") }}
                when 3
                then {{ add_days("runs.day", "runs.lapsed_after") }}
                else {{ add_days("runs.day", "runs.lost_after") }}
            end as valid_from
        from runs
        cross join steps
        where
            (
                steps.step = 0
                and runs.is_turn
                and (runs.ordinal > 0 or runs.next_day is null or runs.next_day > runs.day)
            )
            or (
                steps.step = 1
                and runs.active_after is not null
                and (runs.next_day is null or runs.next_day > {{ add_days("runs.day", "runs.active_after") }})
            )
            or (steps.step = 2 and runs.is_overdue)
            or (
                steps.step = 3
                and runs.is_overdue
                and (runs.next_day is null or runs.next_day > {{ add_days("runs.day", "runs.lapsed_after") }})
            )
            or (
                steps.step = 4
                and runs.is_overdue
                and (runs.next_day is null or runs.next_day > {{ add_days("runs.day", "runs.lost_after") }})
            )
    )

select
    subject_id,
    subject_kind,
    ruleset,
    ruleset_version,
    case
        when step = 0 and ordinal = 0
        then 'prospect'
        when step = 0 and ordinal = 1
        then 'new'
        when step <= 1
        then 'active'
        when step = 2
        then 'at_risk'
        when step = 3
        then 'lapsed'
        else 'lost'
    end as stage,
    case
        when step = 0
        then stage_before
        when step = 1
        then 'new'
        when step = 2
        then case when ordinal = 1 and active_after is null then 'new' else 'active' end
        when step = 3
        then 'at_risk'
        else 'lapsed'
    end as previous_stage,
    valid_from,
    case
        when
            step = 0
            and active_after is not null
            and (next_day is null or next_day > {{ add_days("day", "active_after") }})
        then {{ add_days("day", "active_after") }}
        when step <= 1
        then run_ends_on
        when step = 2
        then {{ earlier_day("next_day", add_days("day", "lapsed_after")) }}
        when step = 3
        then {{ earlier_day("next_day", add_days("day", "lost_after")) }}
        else next_day
    end as valid_to,
    case when step > 0 then 'time' when stage_before is null then 'entry' else 'purchase' end as cause,
    cast(ordinal as integer) as purchase_days_before
from brought
