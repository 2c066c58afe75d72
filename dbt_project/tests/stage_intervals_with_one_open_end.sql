{#
    Of those derived tonight: every person has exactly one open interval by the rule set for everybody, and nobody has one
    who is not known.
#}
with
    persons as (
        select affected.subject_id, persons.person_id
        from {{ ref("int_affected_subjects") }} as affected
        left join {{ ref("int_persons") }} as persons on persons.person_id = affected.subject_id
        where affected.subject_kind = 'person'
    ),

    rulesets as (select ruleset from {{ ref("stg_settings__rulesets") }} where is_for_everybody),

    open_ends as (
        select persons.subject_id, persons.person_id, count(intervals.subject_id) as intervals
        from persons
        cross join rulesets
        left join
            {{ ref("int_stage_intervals") }} as intervals
            on intervals.subject_id = persons.subject_id
            and intervals.ruleset = rulesets.ruleset
            and intervals.valid_to is null
        group by persons.subject_id, persons.person_id
    )

select subject_id, intervals
from open_ends
where intervals <> case when person_id is null then 0 else 1 end
