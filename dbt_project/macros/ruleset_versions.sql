{#
    The versions of all rule sets that are in force, as a select of literals: which thresholds hold for purchases
    from `valid_from` on. A version is superseded by a later one that holds from no later day. A rule set that
    statistics.ruleset_version does not know (nothing was declared yet) holds as the marketer's file says.
#}
{% macro ruleset_versions() -%}
    {%- set declared = existing_relation("statistics", "ruleset_version") -%}
    {%- set rows = [] -%}
    {%- if declared -%}
        {%- set in_force -%}
            select
                ruleset,
                version,
                kind,
                cast(valid_from as text) as valid_from,
                cast(lead(valid_from) over (partition by ruleset order by version) as text) as valid_to,
                at_risk_days,
                lapsed_days,
                lost_days,
                new_max_days,
                mean_gap_days,
                credibility_gaps,
                at_least_days
            from {{ declared }} as version
            where not exists (
                select 1
                from {{ declared }} as later
                where
                    later.ruleset = version.ruleset
                    and later.version > version.version
                    and later.valid_from <= version.valid_from
            )
            order by ruleset, version
        {%- endset -%}
        {%- set rows = run_query(in_force).rows -%}
    {%- endif -%}
    {%- set versions = [] -%}
    {%- for name, ruleset in settings()["stages"]["rulesets"].items() -%}
        {%- set known = rows | selectattr("ruleset", "equalto", name) | list -%}
        {%- do versions.extend(known) -%}
        {%- if not known -%}
            {%- do versions.append(
                {
                    "ruleset": name,
                    "version": 0,
                    "kind": ruleset["kind"],
                    "valid_from": "-infinity",
                    "valid_to": none,
                    "at_risk_days": ruleset["at_risk"]["after_days"],
                    "lapsed_days": ruleset["lapsed"]["after_days"],
                    "lost_days": ruleset["lost"]["after_days"],
                    "new_max_days": ruleset["new"]["max_days"],
                    "mean_gap_days": none,
                    "credibility_gaps": none,
                    "at_least_days": 1,
                }
            ) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- for version in versions %}
        select
            cast({{ literal(version["ruleset"]) }} as {{ dbt.type_string() }}) as ruleset,
            {{ version["version"] }} as ruleset_version,
            cast({{ literal(version["kind"]) }} as {{ dbt.type_string() }}) as kind,
            cast('{{ version["valid_from"] }}' as date) as valid_from,
            cast(
                {{ "'" ~ version["valid_to"] ~ "'" if version["valid_to"] else "null" }} as date
            ) as valid_to,
            {{ version["at_risk_days"] }} as at_risk_days,
            {{ version["lapsed_days"] }} as lapsed_days,
            {{ version["lost_days"] }} as lost_days,
            cast({{ literal(version["new_max_days"]) }} as integer) as new_max_days,
            cast({{ literal(version["mean_gap_days"]) }} as {{ dbt.type_float() }}) as mean_gap_days,
            cast({{ literal(version["credibility_gaps"]) }} as {{ dbt.type_float() }}) as credibility_gaps,
            {{ version["at_least_days"] }} as at_least_days
            {{ "union all" if not loop.last }}
    {%- endfor %}
{%- endmacro %}
