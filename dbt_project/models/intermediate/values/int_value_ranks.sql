{%- set vip = settings()["vip"] -%}

with
    cuts as (
        select
            {% for metric in score_measures() %}
                {% set outer = loop %}
                {% for score in range(2, 6) %}
                    max(
                        case when metric = '{{ metric }}' and score = {{ score }} then at_least end
                    ) as {{ metric }}_{{ score }} {{ "," if not (loop.last and outer.last) }}
                {% endfor %}
            {% endfor %}
        from {{ ref("int_score_cuts") }}
    ),

    ranks as (
        select
            totals.*,
            cume_dist() over (
                order by {{ "orders" if vip["by"] == "orders" else "revenue" }} desc
            ) as vip_rank
        from {{ ref("int_purchase_totals") }} as totals
    )

select
    ranks.person_id,
    {% for metric, measure in score_measures().items() %}
        case
            {% for score in range(5, 1, -1) %}
                when {{ measure }} >= cuts.{{ metric }}_{{ score }} then {{ score }}
            {% endfor %}
            else 1
        end as {{ metric[0] }}_score,
    {% endfor %}
    ranks.vip_rank <= {{ vip["share"] }} as vip
from ranks
cross join cuts
