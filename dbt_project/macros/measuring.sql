{# One of the marketer's figures for measuring the gap. #}
{% macro measuring(name) -%} {{ return(settings()["measuring"][name]) }} {%- endmacro %}

{# The first day of a date's month. A time without a zone needs no conversion, which would take most of the time. #}
{% macro month_of(day) -%}
    cast({{ dbt.date_trunc("month", "cast(" ~ day ~ " as " ~ dbt.type_timestamp() ~ ")") }} as date)
{%- endmacro %}

{# The first day of the months that the gap is measured in. #}
{% macro measured_from() -%}
    {{ month_of(dbt.dateadd("month", 1 - measuring("months"), run_date())) }}
{%- endmacro %}

{#
    A month is closed when nothing that a night learns by time can change it: every due time, late contact and response
    in it is over. A closed month is not counted again, so that a night costs the open ones. If the catalogue,
    what is measured or our own SQL has changed, all months are counted again.
#}
{% macro recounted_from() -%}
    {%- set before = counted_before() -%}
    {%- if before is none -%} {{ measured_from() }}
    {%- else -%}
        greatest(
            {{ measured_from() }},
            {{
                month_of(
                    add_days(
                        "least(" ~ run_date() ~ ", cast('" ~ before ~ "' as date))", "-" ~ longest_time()
                    )
                )
            }}
        )
    {%- endif -%}
{%- endmacro %}

{# The night that counted last, or none where no count by the same catalogue is there. #}
{% macro counted_before() -%}
    {%- set counts = existing_relation("intermediate", "int_scenario_months") -%}
    {%- if counts is none or flags.FULL_REFRESH -%} {{ return(none) }} {%- endif -%}
    {%- set state = run_query(
        "select max(counted_on) as counted_on, count(case when counted_by <> '"
        ~ counted_by()
        ~ "' then 1 end) as others from "
        ~ counts
    ).rows[0] -%}
    {{ return(state["counted_on"] if state["others"] == 0 else none) }}
{%- endmacro %}

{# A hash of everything but facts that the counts depend on, our own SQL included. #}
{% macro counted_by() -%}
    {%- set catalogue = existing_relation("marts", "contact_scenarios") -%}
    {%- if catalogue is none -%} {{ return("") }} {%- endif -%}
    {%- set lines = [] -%}
    {%- for row in run_query("select * from " ~ catalogue ~ " order by position").rows -%}
        {%- do lines.append(row | join("|")) -%}
    {%- endfor -%}
    {%- set inputs = [sql_hash("int_scenario_months"), settings()["measuring"], lines] -%}
    {{ return(local_md5(tojson(inputs, sort_keys=true))) }}
{%- endmacro %}

{# The number of days after a due day from which on nothing more can become of it. #}
{% macro longest_time() -%}
    {%- set after = measuring("late_days") + measuring("response_days") -%}
    {%- set longest = run_query(
        "select max(due_within_days + case when recognised_by is null then 0 else "
        ~ after
        ~ " end) as days from "
        ~ existing_relation("marts", "contact_scenarios")
    ).rows[0]["days"] -%}
    {{ return(longest | int) }}
{%- endmacro %}
