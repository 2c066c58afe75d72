{#
    What follows from a purchase day as time goes by, one row per stage: the stage, the ordinals of the
    purchase days that it applies to (0 is the entry of a person), and the day after which it begins.
    A stage without a single day is left out.
#}
{% macro stage_segments() -%}
    {%- set stages = var("lifecycle")["stages"] -%}
    {%- set at_risk = stages["at_risk"]["after_days"] -%}
    {%- set lapsed = stages["lapsed"]["after_days"] -%}
    {%- set lost = stages["lost"]["after_days"] -%}
    {%- set new_days = stages["new"]["max_days"] -%}
    {%- set any_ordinal = 2147483647 -%}
    {%- set segments = [
        ("prospect", 0, 0, 0),
        ("new", 1, 1, 0),
        ("active", 2, any_ordinal, 0),
    ] -%}
    {%- if new_days is not none and new_days + 1 < at_risk -%}
        {%- do segments.append(("active", 1, 1, new_days + 1)) -%}
    {%- endif -%}
    {%- if at_risk < lapsed -%} {%- do segments.append(("at_risk", 1, any_ordinal, at_risk)) -%} {%- endif -%}
    {%- if lapsed < lost -%} {%- do segments.append(("lapsed", 1, any_ordinal, lapsed)) -%} {%- endif -%}
    {%- do segments.append(("lost", 1, any_ordinal, lost)) -%}
    {%- for stage, first_ordinal, last_ordinal, begins_after in segments %}
        select
            cast('{{ stage }}' as {{ dbt.type_string() }}) as stage,
            {{ first_ordinal }} as first_ordinal,
            {{ last_ordinal }} as last_ordinal,
            {{ begins_after }} as begins_after
            {{ "union all" if not loop.last }}
    {%- endfor %}
{%- endmacro %}
