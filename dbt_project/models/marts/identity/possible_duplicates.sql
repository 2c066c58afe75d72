{{ config(materialized="view") }}

-- read when somebody looks: nobody is merged by guess
with
    persons as (select * from {{ ref("persons") }}),

    mailboxes as (
        select
            person_id,
            replace({{ dbt.split_part(dbt.split_part("email", "'@'", 1), "'+'", 1) }}, '.', '')
            || '@'
            || {{ dbt.split_part("email", "'@'", 2) }} as sameness
        from persons
        where email is not null
    ),

    names as (
        select person_id, lower(first_name) || '|' || lower(last_name) || '|' || postcode as sameness
        from persons
        where first_name is not null and last_name is not null and postcode is not null
    ),

    candidates as (
        select 'the same mailbox but for dots and what follows a plus' as reason, person_id, sameness
        from mailboxes
        union all
        select 'the same name and postcode' as reason, person_id, sameness
        from names
    ),

    groups as (
        select reason, sameness, min(cast(person_id as {{ dbt.type_string() }})) as first_id
        from candidates
        group by reason, sameness
        having count(*) between 2 and 20
    )

select
    groups.reason, cast(groups.first_id as uuid) as person_id, candidates.person_id as possible_duplicate_id
from groups
inner join candidates on candidates.reason = groups.reason and candidates.sameness = groups.sameness
where cast(candidates.person_id as {{ dbt.type_string() }}) <> groups.first_id
