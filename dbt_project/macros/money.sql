{# The type of sums of money. #}
{% macro money() %} numeric(18, 2){% endmacro %}
