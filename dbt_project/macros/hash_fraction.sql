{# A fixed random number for a text: its sha256's first 32 bits as a fraction, 0 <= number < 1. #}
{% macro hash_fraction(text) -%}
    {{ return(adapter.dispatch("hash_fraction", "lifecycle")(text)) }}
{%- endmacro %}

{% macro postgres__hash_fraction(text) -%}
    (
        cast(
            cast(
                'x' || substr(encode(sha256(convert_to({{ text }}, 'UTF8')), 'hex'), 1, 8) as bit(32)
            ) as bigint
        )
        / 4294967296.0
    )
{%- endmacro %}
