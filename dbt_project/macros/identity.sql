{#
    Whom a document is about: the key of a person's address, else of the shop's customer; null with neither.
    The arguments are SQL expressions. The address must be normalised.
#}
{% macro identity_id(email, shop=none, customer_number=none) -%}
    {%- set names = ["'email:' || " ~ email] -%}
    {%- if customer_number -%}
        {%- do names.append("'shop:' || " ~ shop ~ " || ':customer:' || " ~ customer_number) -%}
    {%- endif -%}
    {{ name_based_uuid("coalesce(" ~ names | join(", ") ~ ")" if names | length > 1 else names[0]) }}
{%- endmacro %}
