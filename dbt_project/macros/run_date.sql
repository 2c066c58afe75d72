{# The business day that this run describes, as a date literal. Facts after it do not exist. #}
{% macro run_date() -%}
    {%- set day = var("run_date", none) -%}
    {%- if execute and not day -%}
        {{
            exceptions.raise_compiler_error(
                'Which day? Give it with --vars \'{"run_date": "YYYY-MM-DD"}\''
            )
        }}
    {%- endif -%}
    cast('{{ day }}' as date)
{%- endmacro %}
