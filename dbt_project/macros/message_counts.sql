{# SendGrid's counts of what became of the messages of a campaign, as columns; null where there are none. #}
{% macro message_counts(counts) -%}
    {%- for name in [
        "delivered",
        "unique_opens",
        "unique_clicks",
        "bounces",
        "spam_reports",
        "unsubscribes",
    ] -%}
        cast(
            {{ parse_number(counts ~ " ->> '" ~ name ~ "'") }} as bigint
        ) as {{ name }}{{ "," if not loop.last }}
    {% endfor -%}
{%- endmacro %}
