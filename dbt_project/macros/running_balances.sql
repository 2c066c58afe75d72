{#
    How many stood where on each day, as CTEs ending in `balances`, from the CTEs `movements` (the keys, day,
    from_<place>, to_<place>, persons; from nowhere is null or 'none') and `grid` (the keys, day and place that rows are
    wanted for).
#}
{% macro running_balances(keys, place) -%}
    {%- set keys = keys | join(", ") -%}
    changes as (
        select {{ keys }}, day, {{ place }}, 0 as entered, 0 as left_count, 1 as is_wanted
        from grid
        union all
        select
            {{ keys }},
            day,
            to_{{ place }} as {{ place }},
            persons as entered,
            0 as left_count,
            0 as is_wanted
        from movements
        union all
        select
            {{ keys }},
            day,
            from_{{ place }} as {{ place }},
            0 as entered,
            persons as left_count,
            0 as is_wanted
        from movements
        where from_{{ place }} <> 'none'
    ),

    flows as (
        select {{ keys }}, day, {{ place }}, sum(entered) as entered, sum(left_count) as left_count
        from changes
        group by {{ keys }}, day, {{ place }}
        having max(is_wanted) = 1
    ),

    balances as (
        select
            flows.*,
            sum(entered - left_count) over (
                partition by {{ keys }}, {{ place }}
                order by day
                rows between unbounded preceding and current row
            ) as persons
        from flows
    )
{%- endmacro %}

{# The columns of a daily count, from `balances`. #}
{% macro balance_columns(keys, place) -%}
    {{ keys | join(", ") }},
    day,
    {{ place }},
    cast(persons - entered + left_count as integer) as opening,
    cast(entered as integer) as entered,
    cast(left_count as integer) as {{ adapter.quote("left") }},
    cast(persons as integer) as persons
{%- endmacro %}
