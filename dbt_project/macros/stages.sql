{# The stages, in their order. #}
{% macro stages() -%} {{ return(["prospect", "new", "active", "at_risk", "lapsed", "lost"]) }} {%- endmacro %}

{# Each rule set with each stage, in their orders. #}
{% macro stages_of_rulesets() -%}
    {%- for ruleset in settings()["stages"]["rulesets"] -%}
        {%- set outer = loop -%}
        {%- for stage in stages() %}
            select
                {{ literal(ruleset) }} as ruleset,
                '{{ stage }}' as stage {{ "union all" if not (loop.last and outer.last) }}
        {%- endfor -%}
    {%- endfor -%}
{%- endmacro %}
