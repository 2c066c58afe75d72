with
    segments as ({{ stage_segments() }}),

    moments as (
        select person_id, first_seen_on as day, 0 as is_purchase
        from {{ ref("int_persons") }}
        union all
        select distinct person_id, business_day as day, 1 as is_purchase
        from {{ ref("purchase_days") }}
    ),

    -- the entry is moment 0, so a purchase's position is its ordinal
    ordered_moments as (
        select
            person_id,
            day,
            row_number() over (partition by person_id order by day, is_purchase) - 1 as ordinal,
            lead(day) over (partition by person_id order by day, is_purchase) as next_day
        from moments
    ),

    lived_segments as (
        select
            moments.person_id,
            moments.ordinal,
            segments.stage,
            segments.begins_after,
            {{ add_days("moments.day", "segments.begins_after") }} as valid_from
        from ordered_moments as moments
        inner join segments on moments.ordinal between segments.first_ordinal and segments.last_ordinal
        where
            moments.next_day is null
            or {{ add_days("moments.day", "segments.begins_after") }} < moments.next_day
    ),

    followed_segments as (
        select
            lived_segments.*, lag(stage) over (partition by person_id order by valid_from) as previous_stage
        from lived_segments
    ),

    merged as (select * from followed_segments where previous_stage is null or previous_stage <> stage)

select
    person_id,
    stage,
    previous_stage,
    valid_from,
    lead(valid_from) over (partition by person_id order by valid_from) as valid_to,
    case
        when previous_stage is null then 'entry' when begins_after = 0 then 'purchase' else 'time'
    end as cause,
    cast(ordinal as integer) as purchase_days_before,
    {{ literal(var("lifecycle")["stages"]["ruleset"]) }} as ruleset
from merged
