{#
    The marketer's file: the variable `lifecycle`, with defaults for what it leaves out. A night gives it whole; another
    project that uses this one as a package gives what differs.
#}
{% macro settings() -%}
    {%- set given = var("lifecycle", {}) -%}
    {%- set complete = default_settings() -%}
    {%- for name, value in given.items() -%}
        {%- if value is mapping and complete.get(name) is mapping -%} {%- do complete[name].update(value) -%}
        {%- else -%} {%- do complete.update({name: value}) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(complete) }}
{%- endmacro %}

{# Stops a build by what has no default. #}
{% macro require_settings() -%}
    {%- for name in ["timezone", "currency", "shops", "stages", "audiences"] -%}
        {%- if execute and name not in var("lifecycle", {}) -%}
            {{
                exceptions.raise_compiler_error(
                    "The variable 'lifecycle' must hold '" ~ name ~ "', as vars.yml shows it"
                )
            }}
        {%- endif -%}
    {%- endfor -%}
{%- endmacro %}

{#
    As in plugins/lifecycle/settings; a test holds that they agree. What a build requires stands here only so that a
    project can be parsed without it.
#}
{% macro default_settings() -%}
    {{
        return(
            {
                "timezone": "UTC",
                "currency": "EUR",
                "shops": {},
                "esp": {"opt_in_lists": [], "event_files": none},
                "additional_esps": {},
                "stages": {"rulesets": {}},
                "vip": {"share": 0.05, "by": "revenue"},
                "engagement": {"engaged_days": 90, "machine_opens_count": false},
                "consent": {"existing_customers": false},
                "audiences": {},
                "greeting": true,
                "language": "en",
                "contact_cap": none,
                "measuring": {
                    "months": 13,
                    "late_days": 30,
                    "response_days": 14,
                    "live_share": 0.8,
                    "effect_days": 28,
                },
            }
        )
    }}
{%- endmacro %}
