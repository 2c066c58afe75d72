{#-
    What each buyer is expected to do in the next 365 days, by the model that was fitted last: BG/NBD (Fader, Hardie
    and Lee 2005, Counting your customers the easy way) or MBG/NBD (Batislam, Denizel and Filiztekin 2007), and
    Gamma-Gamma for the value of a purchase (Fader and Hardie 2013). All formulas are theirs; the expectation over the
    drop-out chance, in closed form a hypergeometric function, is the sum over the 16 nodes of a Gauss-Jacobi
    quadrature that the fit has stored.
-#}
{%- set models = existing_relation("statistics", "customer_model") %}
{%- set nodes = existing_relation("statistics", "outlook_node") %}

-- depends_on: {{ ref("int_purchase_totals") }}
{% if not models %}
    select
        cast(null as uuid) as person_id,
        cast(null as {{ dbt.type_int() }}) as model_version,
        cast(null as {{ dbt.type_float() }}) as p_alive,
        cast(null as {{ dbt.type_float() }}) as expected_purchases_365,
        cast(null as {{ dbt.type_float() }}) as expected_revenue_365
    where false
{% else %}
    with
        model as (
            select *
            from {{ models }}
            where version = (select max(latest.version) from {{ models }} as latest)
        ),

        nodes as (select nodes.* from {{ nodes }} as nodes inner join model on model.version = nodes.version),

        buyers as (
            select
                totals.person_id,
                totals.purchase_days - 1 as repeats,
                least(totals.purchase_days - 1, (select max(nodes.purchases) from nodes)) as node_repeats,
                {{ days_since("totals.first_order_on", run_date()) }} as age,
                totals.valued_days,
                totals.average_day_value,
                model.*,
                (model.r + totals.purchase_days - 1) * ln(
                    (model.alpha + {{ days_since("totals.first_order_on", run_date()) }})
                    / (model.alpha + {{ days_since("totals.first_order_on", "totals.last_order_on") }})
                ) as silence
            from {{ ref("int_purchase_totals") }} as totals
            cross join model
        ),

        alive as (
            select
                buyers.*,
                case
                    when model = 'bg_nbd' and repeats = 0
                    then 1
                    else
                        1 / (
                            1
                            + a
                            / (b + repeats - case when model = 'bg_nbd' then 1 else 0 end)
                            * exp(least(silence, 700))
                        )
                end as p_alive
            from buyers
        ),

        -- beyond the last purchases that have nodes, the drop-out chance falls as one over them
        dropouts as (
            select
                alive.*,
                nodes.weight,
                nodes.dropout
                * (alive.a + alive.b + alive.node_repeats)
                / (alive.a + alive.b + alive.repeats) as dropout
            from alive
            inner join nodes on nodes.purchases = alive.node_repeats
        ),

        outlooks as (
            select
                person_id,
                sum(
                    weight * (1 - exp(- (r + repeats) * ln(1 + dropout * 365 / (alpha + age)))) / dropout
                ) as purchases_if_alive
            from dropouts
            group by person_id
        )

    select
        alive.person_id,
        alive.version as model_version,
        alive.p_alive,
        alive.p_alive * outlooks.purchases_if_alive as expected_purchases_365,
        alive.p_alive
        * outlooks.purchases_if_alive
        * alive.spend_p
        * (alive.spend_gamma + alive.valued_days * coalesce(alive.average_day_value, 0))
        / (alive.spend_p * alive.valued_days + alive.spend_q - 1) as expected_revenue_365
    from alive
    inner join outlooks on outlooks.person_id = alive.person_id
{% endif %}
