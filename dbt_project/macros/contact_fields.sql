{# What every contact carries, whatever its audiences: columns of marts.customers. #}
{% macro standard_columns() -%}
    {{ return(["stage", "stage_since", "previous_stage", "orders", "revenue", "last_order_on"]) }}
{%- endmacro %}

{# The words of the field `lifecycle_contactable`, as in plugins/lifecycle/settings; a test holds that they agree. #}
{% macro contactable_words() -%}
    {{ return({"YES": "contactable", "HELD_OUT": "held out", "NO": "not contactable"}) }}
{%- endmacro %}

{# The custom fields of a contact as JSON: the standard ones, and what the person's memberships add; no nulls. #}
{% macro contact_fields() -%}
    {%- set fields = {"lifecycle_contactable": literal(contactable_words()["YES"])} -%}
    {%- for column in standard_columns() -%}
        {%- do fields.update({"lifecycle_" ~ column: "customers." ~ column}) -%}
    {%- endfor -%}
    {%- for column in columns_of_audiences() if "lifecycle_" ~ column not in fields -%}
        {%- set carried -%}
            case when memberships.carries_{{ column }} = 1 then customers.{{ column }} end
        {%- endset -%}
        {%- do fields.update({"lifecycle_" ~ column: carried}) -%}
    {%- endfor -%}
    {{ json_strip_nulls(json_object(fields)) }}
{%- endmacro %}

{# Whoever is held out carries nothing that a segment could be built on. #}
{% macro held_out_fields() -%}
    {{ json_object({"lifecycle_contactable": literal(contactable_words()["HELD_OUT"])}) }}
{%- endmacro %}

{# What audiences add: column of marts.customers → the audiences whose members carry it. #}
{% macro columns_of_audiences() -%}
    {%- set added = {} -%}
    {%- for name, audience in settings()["audiences"].items() -%}
        {%- for column in audience.get("fields", []) -%}
            {%- do added.setdefault(column, []).append(name) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(added) }}
{%- endmacro %}
