{# The custom fields of a contact as JSON: six for everybody, and the columns that an audience adds. #}
{% macro contact_fields(columns=()) -%}
    {%- set fields = {
        "lifecycle_stage": "stage",
        "lifecycle_stage_since": "stage_since",
        "lifecycle_previous_stage": "previous_stage",
        "lifecycle_orders": "orders",
        "lifecycle_revenue": "revenue",
        "lifecycle_last_order_on": "last_order_on",
    } -%}
    {%- for column in columns -%} {%- do fields.update({"lifecycle_" ~ column: column}) -%} {%- endfor -%}
    {{ json_object(fields) }}
{%- endmacro %}
