{# The shops of the marketer's file: name → entry. #}
{% macro connected_shops() -%} {{ return(settings()["shops"]) }} {%- endmacro %}

{# The e-mail providers that are read: name, which is their source in raw → entry. The main one is called esp. #}
{% macro connected_providers() -%}
    {%- set providers = {} -%}
    {%- for name, provider in dict(settings()["additional_esps"], esp=settings()["esp"]).items() if provider.get("kind") -%}
        {%- do providers.update({name: provider}) -%}
    {%- endfor -%}
    {{ return(providers) }}
{%- endmacro %}

{# The kinds of some shops or providers, in alphabetical order. #}
{% macro kinds_of(sources) -%}
    {{ return(sources.values() | map(attribute="kind") | unique | sort) }}
{%- endmacro %}

{# Is a shop or a provider of this kind connected? Models of other kinds are not built. #}
{% macro is_connected(kind) -%}
    {{ return(kind in kinds_of(connected_shops()) or kind in kinds_of(connected_providers())) }}
{%- endmacro %}

{# What the shops of every connected kind have, from models of one shape. #}
{% macro of_every_shop(entity) -%}
    {%- for kind in kinds_of(connected_shops()) %}
        select {{ shop_columns(entity) | join(", ") }}
        from {{ ref("stg_" ~ kind ~ "__" ~ entity) }} {{ "union all" if not loop.last }}
    {%- endfor %}
{%- endmacro %}

{#
    What the providers of every connected kind have, as far as they are in the marketer's file. That is asked of all kinds
    together: a union of filtered tables would not be searched by index in a join.
#}
{% macro of_every_provider(entity) -%}
    select every_kind.*
    from
        (
            {%- for kind in kinds_of(connected_providers()) %}
                select {{ provider_columns(entity) | join(", ") }}
                from {{ ref("stg_" ~ kind ~ "__" ~ entity) }} {{ "union all" if not loop.last }}
            {%- else %}{{ nothing_of(entity) }}
            {%- endfor %}
        ) as every_kind
    where source in ({{ literals(connected_providers()) }})
{%- endmacro %}
