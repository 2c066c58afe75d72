{# The custom fields of a contact as JSON: six for everybody, and what the person's memberships add; no nulls. #}
{% macro contact_fields() -%}
    {%- set fields = {
        "lifecycle_stage": "customers.stage",
        "lifecycle_stage_since": "customers.stage_since",
        "lifecycle_previous_stage": "customers.previous_stage",
        "lifecycle_orders": "customers.orders",
        "lifecycle_revenue": "customers.revenue",
        "lifecycle_last_order_on": "customers.last_order_on",
    } -%}
    {%- for column in columns_of_audiences() if "lifecycle_" ~ column not in fields -%}
        {%- set carried -%}
            case when memberships.carries_{{ column }} = 1 then customers.{{ column }} end
        {%- endset -%}
        {%- do fields.update({"lifecycle_" ~ column: carried}) -%}
    {%- endfor -%}
    {{ json_strip_nulls(json_object(fields)) }}
{%- endmacro %}

{# What audiences add: column of marts.customers → the audiences whose members carry it. #}
{% macro columns_of_audiences() -%}
    {%- set added = {} -%}
    {%- for name, audience in var("lifecycle")["audiences"].items() -%}
        {%- for column in audience.get("fields", []) -%}
            {%- do added.setdefault(column, []).append(name) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(added) }}
{%- endmacro %}
