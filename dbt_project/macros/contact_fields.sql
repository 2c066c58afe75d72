{# What every contact carries, whatever its audiences: columns of marts.customers. #}
{% macro standard_columns() -%}
    {{ return(["stage", "stage_since", "previous_stage", "orders", "revenue", "last_order_on"]) }}
{%- endmacro %}

{# What greets a person, for which providers have fields of their own. #}
{% macro greeting_columns() -%}
    {{ return(["first_name", "last_name", "country", "language"]) }}
{%- endmacro %}

{# The words of the field `lifecycle_contactable`, as in plugins/lifecycle/settings; a test holds that they agree. #}
{% macro contactable_words() -%}
    {{ return({"YES": "contactable", "HELD_OUT": "held out", "NO": "not contactable"}) }}
{%- endmacro %}

{# What a column is called at the provider, unless the file says otherwise. #}
{% macro field_name(column) -%}
    {{ return(column if column in greeting_columns() else "lifecycle_" ~ column) }}
{%- endmacro %}

{# The columns that are true or false, which a provider's text says in words. #}
{% macro boolean_columns() -%} {{ return(["vip"]) }} {%- endmacro %}

{# A column of marts.customers as a contact carries it. #}
{% macro field_value(column) -%}
    {%- set yes, no = ("ja", "nein") if settings()["language"].startswith("de") else ("yes", "no") -%}
    {%- if column in boolean_columns() -%}
        case customers.{{ column }} when true then '{{ yes }}' when false then '{{ no }}' end
    {%- else -%} customers.{{ column }}
    {%- endif -%}
{%- endmacro %}

{# The fields of a contact as JSON: the standard ones, and what the person's memberships add; no nulls. #}
{% macro contact_fields() -%}
    {%- set fields = {"lifecycle_contactable": literal(contactable_words()["YES"])} -%}
    {%- for column in standard_columns() + (greeting_columns() if settings()["greeting"] else []) -%}
        {%- do fields.update({field_name(column): field_value(column)}) -%}
    {%- endfor -%}
    {%- for field, added in fields_of_audiences().items() -%}
        {%- set value = field_value(added["column"]) -%}
        {%- set carried -%} case when memberships.carries_{{ loop.index }} = 1 then {{ value }} end {%- endset -%}
        {%- do fields.setdefault(field, carried) -%}
    {%- endfor -%}
    {{ json_strip_nulls(json_object(fields)) }}
{%- endmacro %}

{# Whoever is held out carries nothing that a segment could be built on. #}
{% macro held_out_fields() -%}
    {{ json_object({"lifecycle_contactable": literal(contactable_words()["HELD_OUT"])}) }}
{%- endmacro %}

{# What audiences add: name at the provider → column, and the audiences whose members carry it. #}
{% macro fields_of_audiences() -%}
    {%- set added = {} -%}
    {%- for name, audience in settings()["audiences"].items() -%}
        {%- for column, field in named_fields(audience.get("fields") or []).items() -%}
            {%- do added.setdefault(field, {"column": column, "audiences": []})["audiences"].append(name) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(added) }}
{%- endmacro %}

{# Column → name at the provider, of a mapping of both, or of a list of columns and of such mappings. #}
{% macro named_fields(entries) -%}
    {%- set named = {} -%}
    {%- for entry in ([entries] if entries is mapping else entries) -%}
        {%- for column, field in (entry if entry is mapping else {entry: none}).items() -%}
            {%- do named.update({column: field or field_name(column)}) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(named) }}
{%- endmacro %}
