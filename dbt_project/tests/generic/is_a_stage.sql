{# Every value is one of the stages, or one of `also`; null is neither right nor wrong. #}
{% test is_a_stage(model, column_name, also=[]) %}

    select * from {{ model }} where {{ column_name }} not in ({{ literals(stages() + also) }})

{% endtest %}
