{# JSON that is kept as text, as JSON again. #}
{% macro as_json(text) -%} {{ return(adapter.dispatch("as_json", "lifecycle")(text)) }} {%- endmacro %}

{% macro postgres__as_json(text) -%} cast({{ text }} as jsonb) {%- endmacro %}
