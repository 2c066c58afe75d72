{#
    Stages by subject, in one transaction with the movements that daily counts are made of, which follow from the difference
    to before, and with what was believed before.
#}
{% macro get_incremental_stages_sql(arguments) -%}
    {%- set target, changed = arguments["target_relation"], arguments["temp_relation"] -%}
    {%- set columns = get_quoted_csv(arguments["dest_columns"] | map(attribute="name")) -%}
    {%- if not is_incremental_night() %}
        truncate {{ target }};
        insert into {{ target }} ({{ columns }})
        select {{ columns }} from {{ changed }}
    {%- else %}
        create temporary table superseded_intervals on commit drop as
        select *
        from {{ target }}
        where subject_id in (select subject_id from {{ ref("int_affected_subjects") }});
        delete from {{ target }}
        where subject_id in (select subject_id from {{ ref("int_affected_subjects") }})
        ;
        insert into {{ target }} ({{ columns }})
        select {{ columns }} from {{ changed }};
        {{ _move_by_difference(changed) }}
        ;
        {{ _keep_believed() }}
    {%- endif %}
{%- endmacro %}

{% macro _move_by_difference(changed) -%}
    insert into {{ ref("int_stage_movements") }} as movements
        (subject_kind, ruleset, occurred_on, from_stage, to_stage, subjects)
    select subject_kind, ruleset, valid_from, coalesce(previous_stage, 'none'), stage, sum(difference)
    from
        (
            select subject_kind, ruleset, valid_from, previous_stage, stage, -1 as difference
            from superseded_intervals
            union all
            select subject_kind, ruleset, valid_from, previous_stage, stage, 1 as difference
            from {{ changed }}
        ) as differences
    group by subject_kind, ruleset, valid_from, previous_stage, stage
    having sum(difference) <> 0
    on conflict (subject_kind, ruleset, occurred_on, from_stage, to_stage) do update
    set subjects = movements.subjects + excluded.subjects
{%- endmacro %}

{#
    What the last finished build left of the subjects whose stages are about to be replaced, once per subject: a build that
    comes after one that was killed still knows what was believed before it. A subject without stages has one row of nulls.
#}
{% macro _keep_believed() -%}
    insert into {{ ref("int_believed_stages") }}
        (subject_id, subject_kind, ruleset, valid_from, previous_stage, stage)
    select
        affected.subject_id,
        affected.subject_kind,
        superseded.ruleset,
        superseded.valid_from,
        superseded.previous_stage,
        superseded.stage
    from {{ ref("int_affected_subjects") }} as affected
    left join superseded_intervals as superseded on superseded.subject_id = affected.subject_id
    where affected.subject_id not in (select subject_id from {{ ref("int_believed_stages") }})
{%- endmacro %}

{#
    What is now known otherwise than an earlier night believed, of the days that both have seen. A night that is repeated
    is one night: what its first build found out late is compared with what was believed before that. For the post-hook
    of stage_builds, so a build that is never finished records none.
#}
{% macro record_corrections() -%}
    {%- set border = "subject_id, subject_kind, ruleset, occurred_on" -%}
    create temporary table compared_borders on commit drop as
    with
        believed_until as (
            select least(run_date, {{ run_date() }}) as day
            from {{ this }}
            where
                run_date <> {{ run_date() }}
                and build_id >= (select max(build_id) from {{ this }} where is_whole)
            order by build_id desc
            limit 1
        ),

        recorded as (
            select corrections.*
            from {{ ref("stage_corrections") }} as corrections
            inner join believed_until on corrections.occurred_on <= believed_until.day
            where
                corrections.known_on = {{ run_date() }}
                and corrections.subject_id in (select subject_id from {{ ref("int_believed_stages") }})
        ),

        believed as (
            select {{ border }}, believed_from_stage, believed_stage
            from recorded
            union all
            select
                stages.subject_id, stages.subject_kind, stages.ruleset, stages.valid_from, stages.previous_stage, stages.stage
            from {{ ref("int_believed_stages") }} as stages
            inner join believed_until on stages.valid_from <= believed_until.day
            where (stages.subject_id, stages.ruleset, stages.valid_from) not in (
                select subject_id, ruleset, occurred_on from recorded
            )
        ),

        known as (
            select
                intervals.subject_id,
                intervals.subject_kind,
                intervals.ruleset,
                intervals.valid_from as occurred_on,
                intervals.previous_stage as from_stage,
                intervals.stage
            from {{ ref("int_stage_intervals") }} as intervals
            inner join believed_until on intervals.valid_from <= believed_until.day
            where intervals.subject_id in (select subject_id from {{ ref("int_believed_stages") }})
        )

    select {{ border }}, believed_from_stage, believed_stage, from_stage, stage
    from believed
    full join known using ({{ border }})
    ;
    delete from {{ ref("stage_corrections") }} as corrections
    using compared_borders
    where
        corrections.subject_id = compared_borders.subject_id
        and corrections.ruleset = compared_borders.ruleset
        and corrections.occurred_on = compared_borders.occurred_on
        and corrections.known_on = {{ run_date() }}
    ;
    insert into {{ ref("stage_corrections") }}
        ({{ border }}, believed_from_stage, believed_stage, from_stage, stage, known_on)
    select {{ border }}, believed_from_stage, believed_stage, from_stage, stage, {{ run_date() }}
    from compared_borders
    where (believed_from_stage, believed_stage) is distinct from (from_stage, stage)
    ;
    truncate {{ ref("int_believed_stages") }}
{%- endmacro %}

{# The movements of all intervals, where none are counted yet. For a post-hook. #}
{% macro count_movements() -%}
    insert into {{ ref("int_stage_movements") }}
        (subject_kind, ruleset, occurred_on, from_stage, to_stage, subjects)
    select subject_kind, ruleset, valid_from, coalesce(previous_stage, 'none'), stage, count(*)
    from {{ this }}
    where not exists (select 1 from {{ ref("int_stage_movements") }})
    group by subject_kind, ruleset, valid_from, previous_stage, stage
{%- endmacro %}

{# If everything is derived, movements are counted again, and nothing is compared with before. For a pre-hook. #}
{% macro clear_stage_changes() -%}
    {%- if not is_partial() %} truncate {{ ref("int_stage_movements") }}, {{ ref("int_believed_stages") }}
    {% endif -%}
{%- endmacro %}
