{%- set alpha = 0.05 -%}
{#- The persons of both arms at which the interval that always holds is about tightest. -#}
{%- set tightest_at = 5000 -%}
{%- set rho_squared -%}
    ((-2 * ln({{ alpha }}) + ln(-2 * ln({{ alpha }})) + 1) / {{ tightest_at }})
{%- endset -%}
{%- set fewest_persons, fewest_responding = 100, 10 -%}

with
    sums as (select * from {{ ref("int_effect_sums") }}),

    arms as (
        select
            sums.*,
            total / nullif(persons, 0) as mean,
            (total_of_squares - total * total / nullif(persons, 0)) / nullif(persons - 1, 0) as variance
        from sums
    ),

    everybody as (
        select
            audience,
            metric,
            nullif(sum(persons), 0) as persons,
            sum(responded) / nullif(sum(persons), 0) as response,
            (sum(total_of_squares) - sum(total) * sum(total) / nullif(sum(persons), 0))
            / nullif(sum(persons) - 1, 0) as variance
        from sums
        group by audience, metric
    ),

    pairs as (
        select
            everybody.*,
            contacted.started_on,
            contacted.ended_on,
            contacted.through_on,
            -- of an experiment that is over, the share is not known any more
            case when contacted.ended_on is null then audiences.holdout_share end as holdout_share,
            contacted.persons as contacted,
            held_out.persons as held_out,
            contacted.mean as contacted_mean,
            held_out.mean as held_out_mean,
            contacted.mean - held_out.mean as lift,
            least(contacted.persons, held_out.persons) >= {{ fewest_persons }}
            and least(contacted.persons, held_out.persons) * everybody.response >= {{ fewest_responding }}
            and contacted.variance + held_out.variance > 0 as is_enough,
            contacted.variance / nullif(contacted.persons, 0)
            + held_out.variance / nullif(held_out.persons, 0) as squared_error,
            everybody.variance / nullif(contacted.persons, 0)
            + everybody.variance / nullif(held_out.persons, 0) as squared_error_without_effect
        from everybody
        inner join
            arms as contacted
            on contacted.audience = everybody.audience
            and contacted.metric = everybody.metric
        inner join
            arms as held_out on held_out.audience = everybody.audience and held_out.metric = everybody.metric
        left join {{ ref("stg_settings__audiences") }} as audiences on audiences.audience = everybody.audience
        where contacted.arm = 'member' and held_out.arm = 'holdout'
    ),

    judged as (
        select
            pairs.*,
            case when is_enough then sqrt(squared_error) end as standard_error,
            -- if few of a small arm responded by chance, its variance is small by the same chance
            case
                when is_enough
                then
                    sqrt(
                        greatest(squared_error, squared_error_without_effect)
                        * (1 + 1 / (persons * {{ rho_squared }}))
                        * ln((persons * {{ rho_squared }} + 1) / ({{ alpha }} * {{ alpha }}))
                    )
            end as always_width,
            (held_out - persons * holdout_share)
            / nullif(sqrt(persons * holdout_share * (1 - holdout_share)), 0) as split_z
        from pairs
    )

select
    audience,
    metric,
    {{ measuring("effect_days") }} as window_days,
    started_on,
    ended_on,
    through_on,
    contacted,
    held_out,
    {%- for column, value in {
        "contacted_mean": "contacted_mean",
        "held_out_mean": "held_out_mean",
        "lift": "lift",
        "standard_error": "standard_error",
        "low": "lift - 1.959964 * standard_error",
        "high": "lift + 1.959964 * standard_error",
        "always_low": "lift - always_width",
        "always_high": "lift + always_width",
    }.items() %}
        round({{ value }}, 6) as {{ column }},
    {%- endfor %}
    cast(split_z as {{ dbt.type_float() }}) as split_z,
    coalesce(abs(split_z) <= 3.29, true) as is_split_as_planned,
    case
        when always_width is null
        then 'too_few'
        when lift > always_width
        then 'higher'
        when lift < - always_width
        then 'lower'
        else 'not_distinguishable'
    end as verdict
from judged
