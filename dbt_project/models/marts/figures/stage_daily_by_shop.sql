{%- set keys = ["shop", "ruleset"] -%}

with
    movements as (select * from {{ ref("stage_moves") }} where shop <> 'all'),

    shops as (select shop from {{ ref("stg_settings__shops") }} where {{ literal(has_several_shops()) }}),

    days as (select distinct ruleset, day from {{ ref("stage_daily") }}),

    stages as ({{ stages_of_rulesets() }}),

    grid as (
        select shops.shop, stages.ruleset, days.day, stages.stage
        from shops
        cross join stages
        inner join days on days.ruleset = stages.ruleset
    ),

    {{ running_balances(keys, "stage") }}

select {{ balance_columns(keys, "stage") }}
from balances
