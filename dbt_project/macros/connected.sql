{# The kinds of shop that the marketer's file connects, in alphabetical order. #}
{% macro connected_kinds() -%}
    {{ return(settings()["shops"].values() | map(attribute="kind") | unique | sort) }}
{%- endmacro %}

{# Is there a shop of this kind? Models of other kinds are not built. #}
{% macro is_connected(kind) -%} {{ return(kind in connected_kinds()) }} {%- endmacro %}

{# What the shops of every connected kind have, from models of one shape. #}
{% macro of_every_shop(entity) -%}
    {%- for kind in connected_kinds() %}
        select * from {{ ref("stg_" ~ kind ~ "__" ~ entity) }} {{ "union all" if not loop.last }}
    {%- endfor %}
{%- endmacro %}
