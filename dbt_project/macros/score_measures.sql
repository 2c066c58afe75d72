{# What R, F and M are measured by, over the columns of int_purchase_totals; more is better. #}
{% macro score_measures() -%}
    {{
        return(
            {
                "recency": "-" ~ days_since("last_order_on", run_date()),
                "frequency": "purchase_days",
                "monetary": "revenue",
            }
        )
    }}
{%- endmacro %}
