{# Every row satisfies the condition; a row for which it is null does not. May be put on a model or a column. #}
{% test rows_satisfy(model, condition, column_name=none) %}

    select * from {{ model }} where not coalesce({{ condition }}, false)

{% endtest %}
