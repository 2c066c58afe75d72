{# Are there several shops to choose from? With a single one, what all shops have is what it has. #}
{% macro has_several_shops() -%} {{ return(settings()["shops"] | length > 1) }} {%- endmacro %}
