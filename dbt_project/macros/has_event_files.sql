{# Does the event webhook write files that are read? #}
{% macro has_event_files() -%}
    {{ return((settings().get("esp") or {}).get("event_files") is not none) }}
{%- endmacro %}
