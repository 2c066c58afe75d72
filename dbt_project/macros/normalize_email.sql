{#
    The one form of an address: trimmed, in lower case and in NFC, its domain as IDNA encodes it. Dots and plus signs stay:
    they tell people apart. `lifecycle.warehouse.prepare` makes the function.
#}
{% macro normalize_email(text) -%}
    {{ return(adapter.dispatch("normalize_email", "lifecycle")(text)) }}
{%- endmacro %}

{% macro postgres__normalize_email(text) -%}
    {{ generate_schema_name("raw", none) }}.normalized_email({{ text }})
{%- endmacro %}
