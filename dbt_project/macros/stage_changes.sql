{#
    Stages by subject, in one transaction with what follows from the difference to before: the movements that daily
    counts are made of, and the corrections of what was believed of the days up to the last build.
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
        {{ _record_corrections(changed) }}
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

{% macro _record_corrections(changed) -%}
    {%- set believed_until %}least(cast('{{ last_build()["run_date"] }}' as date), {{ run_date() }}){% endset -%}
    insert into {{ ref("stage_corrections") }} as corrections
        (
            subject_id, subject_kind, ruleset, occurred_on, believed_from_stage, believed_stage, from_stage, stage, known_on
        )
    select
        coalesce(before.subject_id, now.subject_id),
        coalesce(before.subject_kind, now.subject_kind),
        coalesce(before.ruleset, now.ruleset),
        coalesce(before.valid_from, now.valid_from),
        before.previous_stage,
        before.stage,
        now.previous_stage,
        now.stage,
    {{ run_date() }}
    from (select * from superseded_intervals where valid_from <= {{ believed_until }}) as before
    full join
        (select * from {{ changed }} where valid_from <= {{ believed_until }}) as now
        on now.subject_id = before.subject_id
        and now.ruleset = before.ruleset
        and now.valid_from = before.valid_from
    where (before.previous_stage, before.stage) is distinct from (now.previous_stage, now.stage)
    on conflict (subject_id, ruleset, occurred_on, known_on) do update
    set from_stage = excluded.from_stage, stage = excluded.stage
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

{# If everything is derived, movements are counted again. For a pre-hook. #}
{% macro clear_movements() -%}
    {%- if not is_partial() %} truncate {{ ref("int_stage_movements") }}
    {% endif -%}
{%- endmacro %}
