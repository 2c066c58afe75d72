{%- set stored = existing_relation("statistics", "score_cut") %}

-- depends_on: {{ ref("int_purchase_totals") }}
with
    stored as (
        {% if stored %}
            select metric, score, at_least
            from {{ stored }}
            where version = (select max(version) from {{ stored }})
        {% else %}
            select
                cast(null as {{ dbt.type_string() }}) as metric,
                cast(null as {{ dbt.type_int() }}) as score,
                cast(null as {{ dbt.type_numeric() }}) as at_least
            where false
        {% endif %}
    ),

    -- until cut points are stored, tonight's ranks give them
    ranked as (
        {% for metric, measure in score_measures().items() %}
            select
                '{{ metric }}' as metric,
                {{ measure }} as measure,
                cume_dist() over (order by {{ measure }}) as rank
            from {{ ref("int_purchase_totals") }} {{ "union all" if not loop.last }}
        {% endfor %}
    ),

    scores as (
        {% for score in range(2, 6) %}
            select {{ score }} as score {{ "union all" if not loop.last }}
        {% endfor %}
    ),

    computed as (
        select ranked.metric, scores.score, min(ranked.measure) as at_least
        from ranked
        inner join scores on ranked.rank > (scores.score - 1) / 5.0
        where not exists (select 1 from stored)
        group by ranked.metric, scores.score
    )

select metric, score, at_least
from stored
union all
select metric, score, at_least
from computed
