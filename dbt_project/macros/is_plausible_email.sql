{#
    Can a normalised address be one? Exactly one @; before it 1 to 64 characters; after it words with at least one dot
    between them; 254 characters in all; and none of what parts addresses in a text: white space and controls, commas,
    semicolons, angle brackets, double quotes. The standard would allow some of these inside quotes, which providers
    refuse. Whether the mailbox exists, only a message tells. Null for no address.
#}
{% macro is_plausible_email(email) -%}
    {{ return(adapter.dispatch("is_plausible_email", "lifecycle")(email)) }}
{%- endmacro %}

{# A count such as {1,64} in the pattern would make it ten times as slow. #}
{% macro postgres__is_plausible_email(email) -%}
    {%- set letter -%} @[:space:][:cntrl:],;<>" {%- endset -%}
    (
        length({{ email }}) <= 254
        and strpos({{ email }}, '@') <= 65
        and {{ email }} ~ '^[^{{ letter }}]+@[^.{{ letter }}]+(\.[^.{{ letter }}]+)+$'
    )
{%- endmacro %}
