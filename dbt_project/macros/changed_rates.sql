{#
    The days for which a currency's rate is not the one that the orders were converted with, which is in `applied`: from
    a line of the seed that was added, changed or taken out, until the next line.
#}
{% macro changed_rates(applied) -%}
    with
        rates as (select currency, valid_from, rate from {{ ref("stg_settings__exchange_rates") }}),

        applied_rates as (select currency, valid_from, rate from {{ applied }}),

        changed as (
            select distinct
                coalesce(rates.currency, applied_rates.currency) as currency,
                coalesce(rates.valid_from, applied_rates.valid_from) as valid_from
            from rates
            full join
                applied_rates
                on applied_rates.currency = rates.currency
                and applied_rates.valid_from = rates.valid_from
            where rates.rate is null or applied_rates.rate is null or rates.rate <> applied_rates.rate
        )

    select changed.currency, changed.valid_from, min(rates.valid_from) as valid_to
    from changed
    left join rates on rates.currency = changed.currency and rates.valid_from > changed.valid_from
    group by changed.currency, changed.valid_from
{%- endmacro %}
