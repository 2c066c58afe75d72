{# Text of a vendor's document → typed value. What cannot be read is null, and a test names it. #}
{% macro parse_number(text) -%}
    case
        when
            translate({{ text }}, ' +-.0123456789', '') = ''
            and pg_input_is_valid({{ text }}, 'numeric(15, 4)')
        then cast({{ text }} as numeric)
    end
{%- endmacro %}

{#
    An amount as a shop's plug-in may have laid it out: 1.234,56, 1,234.56 or 12,50. A single 1,234 can mean
    either, so it is none.
#}
{% macro parse_amount(text) -%}
    case
        when {{ text }} not like '%,%'
        then {{ parse_number(text) }}
        when {{ text }} ~ '^-?\d{1,3}(\.\d{3})+,\d{1,4}$'
        then {{ parse_number("translate(" ~ text ~ ", ',.', '.')") }}
        when {{ text }} ~ '^-?\d{1,3}(,\d{3})+\.\d{1,4}$'
        then {{ parse_number("replace(" ~ text ~ ", ',', '')") }}
        when {{ text }} ~ '^-?\d+,\d{1,2}$'
        then {{ parse_number("replace(" ~ text ~ ", ',', '.')") }}
    end
{%- endmacro %}

{# ISO 8601; without an offset it is UTC. #}
{% macro parse_timestamp(text) -%}
    case
        when not pg_input_is_valid({{ text }}, 'timestamptz') or {{ text }} not like '____-__-_____:__:__%'
        then null
        when translate(substr({{ text }}, 20), '.0123456789', '') = ''
        then cast({{ text }} as timestamp) at time zone 'UTC'
        when translate(substr({{ text }}, 20), '.:+-Z0123456789', '') = ''
        then cast({{ text }} as timestamptz)
    end
{%- endmacro %}

{# Seconds since 1970. #}
{% macro parse_epoch(text) -%}
    case when {{ text }} ~ '^\d{1,11}$' then to_timestamp(cast({{ text }} as bigint)) end
{%- endmacro %}

{# Trimmed of every kind of white space; empty is null. #}
{% macro clean_text(text) -%}
    nullif(
        btrim(
            {{ text }}, U&' \0009\000a\000b\000c\000d\0085\00a0\2007\2008\2009\200b\2028\2029\202f\3000\feff'
        ),
        ''
    )
{%- endmacro %}

{# A JSON value that should be an array; anything else is an empty one. #}
{% macro json_elements(value) -%}
    jsonb_array_elements(case when jsonb_typeof({{ value }}) = 'array' then {{ value }} else '[]' end)
{%- endmacro %}

{# The newest value of a key in an array of {"key": …, "value": …}, for a lateral join. #}
{% macro newest_value(entries, key) -%}
    select entry ->> 'value' as value
    from {{ json_elements(entries) }}
    with ordinality as entries(entry, position)
    where entry ->> 'key' = {{ key }}
    order by position desc
    limit 1
{%- endmacro %}
