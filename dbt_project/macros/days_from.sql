{# One row `day` for each day from the first to the last (SQL expressions of type date), both included. #}
{% macro days_from(first_day, last_day) -%}
    {{ return(adapter.dispatch("days_from", "lifecycle")(first_day, last_day)) }}
{%- endmacro %}

{% macro postgres__days_from(first_day, last_day) -%}
    select {{ first_day }} + series.number as day
    from generate_series(0, {{ last_day }} - {{ first_day }}) as series(number)
{%- endmacro %}
