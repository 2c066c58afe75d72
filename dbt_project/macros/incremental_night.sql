{#
    A night derives only the subjects (persons and accounts) whose facts have changed since the last build.

    Facts (int_orders, int_identity_events) are replaced by document. Whom they concern, before and after, is marked dirty
    in int_dirty_subjects. int_affected_subjects gathers these and whom the run date's move concerns. What depends on
    facts is replaced by subject. stage_builds closes the build and clears the marks. Every step is one transaction and
    can be repeated. So a build that was killed is simply built again, for whatever date and by whatever rules: what it
    derived, or began to derive, stays dirty until a build is finished.

    If the rules or our own SQL have changed, or no build was ever finished, everything is derived.
#}
{#
    The last finished build as {run_date, rules_hash, is_everything_dirty}; none before the first. Everything is dirty if
    a build after it has begun to derive everything, by other rules perhaps, and was never finished.
#}
{% macro last_build() -%}
    {%- set builds = existing_relation("marts", "stage_builds") -%}
    {%- set dirty = existing_relation("intermediate", "int_dirty_subjects") -%}
    {%- if builds is none or dirty is none -%} {{ return(none) }} {%- endif -%}
    {%- set rows = run_query(
        "select run_date, rules_hash, exists (select 1 from "
        ~ dirty
        ~ " where subject_kind = 'everything')"
        " as is_everything_dirty from " ~ builds ~ " order by build_id desc limit 1"
    ).rows -%}
    {{ return(rows[0] if rows else none) }}
{%- endmacro %}

{# A hash of everything but documents that the stages depend on. #}
{% macro rules_hash() -%}
    {%- set rules = settings() -%}
    {{
        return(
            local_md5(
                tojson(
                    {
                        "sql": sql_hash("stage_builds"),
                        "currency": rules["currency"],
                        "timezone": rules["timezone"],
                        "shops": rules["shops"],
                        "stages": rules["stages"],
                        "providers": connected_providers(),
                        "versions": ruleset_versions(),
                    },
                    sort_keys=true,
                )
            )
        )
    }}
{%- endmacro %}

{# Does this night derive only the affected subjects? #}
{% macro is_incremental_night() -%}
    {%- set build = last_build() -%}
    {{
        return(
            build is not none
            and not flags.FULL_REFRESH
            and build["rules_hash"] == rules_hash()
            and not build["is_everything_dirty"]
        )
    }}
{%- endmacro %}

{# Everything is about to be derived: if that is cut, the next night does it again. For a pre-hook. #}
{% macro mark_everything_dirty() -%}
    {%- set build = last_build() -%}
    {%- if build is not none and not build["is_everything_dirty"] and not is_incremental_night() -%}
        insert into {{ existing_relation("intermediate", "int_dirty_subjects") }} (subject_kind) values ('everything')
    {%- endif -%}
{%- endmacro %}

{# The affected subjects are about to be derived as of this run date: the next night, if this one is cut, may have
    another. For a post-hook. #}
{% macro mark_affected_subjects_dirty() -%}
    {%- if is_incremental_night() -%}
        insert into {{ ref("int_dirty_subjects") }} (subject_id, subject_kind)
        select subject_id, subject_kind from {{ this }}
        except
        select subject_id, subject_kind from {{ ref("int_dirty_subjects") }}
    {%- endif -%}
{%- endmacro %}

{# Does the incremental model at hand derive only the affected subjects? #}
{% macro is_partial() -%} {{ return(is_incremental() and is_incremental_night()) }} {%- endmacro %}

{# A condition that keeps the affected subjects; always true if everything is derived. #}
{% macro is_affected(subject_id) -%}
    {%- if is_partial() -%}
        {{ subject_id }} in (select subject_id from {{ ref("int_affected_subjects") }})
    {%- else -%} true
    {%- endif -%}
{%- endmacro %}

{# Index scans are priced as on solid-state disks: the affected are few, and found by index. For a pre-hook. #}
{% macro prefer_index_scans() -%} set local random_page_cost = 1.1 {%- endmacro %}

{# Facts by document: whom they concern, before and after, is marked dirty in the same transaction. #}
{% macro get_incremental_facts_sql(arguments) -%}
    {%- set target, changed = arguments["target_relation"], arguments["temp_relation"] -%}
    {%- set key = arguments["unique_key"] -%}
    {%- set columns = get_quoted_csv(arguments["dest_columns"] | map(attribute="name")) -%}
    {%- set has_accounts = "account_id" in arguments["dest_columns"] | map(attribute="name") | list -%}
    {%- if is_incremental_night() %}
        insert into {{ ref("int_dirty_subjects") }} (subject_id, subject_kind)
        with
            concerned as (
                select before.person_id {{ ", before.account_id" if has_accounts }}
                from {{ target }} as before
                where before.{{ key }} in (select {{ key }} from {{ changed }})
                union
                select person_id {{ ", account_id" if has_accounts }}
                from {{ changed }}
            )

        select person_id, 'person' from concerned where person_id is not null
        {% if has_accounts %}
            union
            select account_id, 'account' from concerned where account_id is not null
        {% endif %}
        ;
        delete from {{ target }}
        where {{ key }} in (select {{ key }} from {{ changed }})
        ;
    {%- else %}
        truncate {{ target }};
    {%- endif %}
    insert into {{ target }} ({{ columns }})
    select {{ columns }} from {{ changed }}
{%- endmacro %}

{# What depends on facts, by subject. #}
{% macro get_incremental_subjects_sql(arguments) -%}
    {%- set target, changed = arguments["target_relation"], arguments["temp_relation"] -%}
    {%- set columns = get_quoted_csv(arguments["dest_columns"] | map(attribute="name")) -%}
    {%- if is_incremental_night() %}
        delete from {{ target }}
        where {{ arguments["unique_key"] }} in (select subject_id from {{ ref("int_affected_subjects") }});
    {%- else %}
        truncate {{ target }};
    {%- endif %}
    insert into {{ target }} ({{ columns }})
    select {{ columns }} from {{ changed }}
{%- endmacro %}

{# What was counted again takes the place of what was, by days or months, and what is too old goes. #}
{% macro get_incremental_open_months_sql(arguments) -%}
    {%- set target, changed = arguments["target_relation"], arguments["temp_relation"] -%}
    {%- set columns = get_quoted_csv(arguments["dest_columns"] | map(attribute="name")) -%}
    {%- set key = arguments["unique_key"] -%}
    {%- if counted_before() is not none %}
        delete from {{ target }}
        where {{ key }} < {{ measured_from() }} or {{ key }} >= {{ recounted_from() }};
    {%- else %}
        truncate {{ target }};
    {%- endif %}
    insert into {{ target }} ({{ columns }})
    select {{ columns }} from {{ changed }}
{%- endmacro %}

{# A condition that keeps the documents of one kind that int_identity_events has not seen of each shop or provider. #}
{% macro landed_since_last_build(kind, origin, names) -%}
    {%- if is_partial() -%}
        (
        {%- for name in names %}
                (
            {{ origin }} = {{ literal(name) }}
                    and loaded_at > (
                        select coalesce(max(seen.loaded_at), '-infinity')
                        from {{ this }} as seen
                        where seen.kind = '{{ kind }}' and seen.origin = {{ literal(name) }}
                    )
                ) {{ "or" if not loop.last }}
        {%- else %} false
        {%- endfor %}
        )
    {%- else -%} true
    {%- endif -%}
{%- endmacro %}

{# Adds columns, by name and type, to a table that is never made again and was made without them. For a pre-hook. #}
{% macro add_missing_columns(columns) -%}
    {%- if is_incremental() -%}
        {%- set known = adapter.get_columns_in_relation(this) | map(attribute="name") | list -%}
        {%- set missing = [] -%}
        {%- for name, type in columns.items() if name not in known -%}
            {%- do missing.append(api.Column(name, type)) -%}
        {%- endfor -%}
        {%- if missing -%}
            {%- do alter_relation_add_remove_columns(load_relation(this), missing, none) -%}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}

{# Statistics for the planner, as soon as a table is filled. For a post-hook. #}
{% macro analyze_if_all_is_new() -%}
    {%- if not is_partial() %} analyze {{ this }}
    {% endif -%}
{%- endmacro %}

{# The same for tables, which every night makes again; the next model is planned by it. For a post-hook of all. #}
{% macro analyze_if_table() -%}
    {%- if config.get("materialized") == "table" %} analyze {{ this }}
    {% endif -%}
{%- endmacro %}

{# Many against many: estimates of a long condition are too low for nested loops to be safe. For a pre-hook. #}
{% macro disable_nested_loops() -%} set local enable_nestloop = off {%- endmacro %}

{# What this build has derived is not dirty any more. For the post-hook of stage_builds. #}
{% macro clear_dirty_subjects() -%}
    delete from {{ ref("int_dirty_subjects") }}
    where subject_id in (select subject_id from {{ ref("int_affected_subjects") }}) or subject_kind = 'everything'
{%- endmacro %}
