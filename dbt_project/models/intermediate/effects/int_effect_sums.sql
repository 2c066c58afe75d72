{%- set days = measuring("effect_days") -%}

with
    experiments as (
        select
            audience,
            started_on,
            ended_on,
            {{ add_days(earlier_day("ended_on", run_date()), "-" ~ days) }} as complete_until
        from {{ ref("int_effect_experiments") }}
    ),

    -- by the assignment of the first day, whatever happened to a person later (intention to treat). Who was
    -- held out from
    -- another audience on that day is in neither arm: of the members, nobody is
    entries as (
        select
            memberships.audience,
            memberships.person_id,
            memberships.outcome as arm,
            memberships.since_on as entered_on
        from {{ ref("int_effect_memberships") }} as memberships
        inner join experiments on experiments.audience = memberships.audience
        where
            memberships.is_first
            and not memberships.is_held_out_elsewhere
            and memberships.since_on >= experiments.started_on
            and memberships.since_on <= experiments.complete_until
    ),

    last_entries as (select audience, max(entered_on) as through_on from entries group by audience),

    -- a night's list works from the day after it on
    clicks as (
        select distinct entries.audience, entries.person_id
        from entries
        inner join {{ ref("messages") }} as messages on messages.person_id = entries.person_id
        where
            messages.clicked_on > entries.entered_on
            and messages.clicked_on <= {{ add_days("entries.entered_on", days) }}
    ),

    purchases as (
        select entries.audience, entries.person_id, sum(days.net) as revenue
        from entries
        inner join {{ ref("purchase_days") }} as days on days.person_id = entries.person_id
        where
            days.business_day > entries.entered_on
            and days.business_day <= {{ add_days("entries.entered_on", days) }}
        group by entries.audience, entries.person_id
    ),

    outcomes as (
        select
            entries.audience,
            entries.arm,
            case when clicks.person_id is not null then 1 else 0 end as clicked,
            case when purchases.person_id is not null then 1 else 0 end as ordered,
            coalesce(purchases.revenue, 0) as revenue
        from entries
        left join clicks on clicks.audience = entries.audience and clicks.person_id = entries.person_id
        left join
            purchases on purchases.audience = entries.audience and purchases.person_id = entries.person_id
    ),

    sums as (
        {% for metric in ["clicked", "ordered", "revenue"] %}
            select
                audience,
                '{{ metric }}' as metric,
                arm,
                count(*) as persons,
                sum(case when {{ metric }} <> 0 then 1 else 0 end) as responded,
                sum({{ metric }}) as total,
                sum({{ metric }} * {{ metric }}) as total_of_squares
            from outcomes
            group by audience, arm {{ "union all" if not loop.last }}
        {% endfor %}
    ),

    grid as (
        {% for metric in ["clicked", "ordered", "revenue"] %}
            {% set outer = loop %}
            {% for arm in ["member", "holdout"] %}
                select audience, started_on, ended_on, '{{ metric }}' as metric, '{{ arm }}' as arm
                from experiments {{ "union all" if not (loop.last and outer.last) }}
            {% endfor %}
        {% endfor %}
    )

select
    grid.audience,
    grid.metric,
    grid.arm,
    grid.started_on,
    grid.ended_on,
    last_entries.through_on,
    cast(coalesce(sums.persons, 0) as bigint) as persons,
    cast(coalesce(sums.responded, 0) as bigint) as responded,
    cast(coalesce(sums.total, 0) as {{ dbt.type_numeric() }}) as total,
    cast(coalesce(sums.total_of_squares, 0) as {{ dbt.type_numeric() }}) as total_of_squares
from grid
left join last_entries on last_entries.audience = grid.audience
left join sums on sums.audience = grid.audience and sums.metric = grid.metric and sums.arm = grid.arm
