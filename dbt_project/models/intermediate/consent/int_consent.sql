with
    persons as (select person_id from {{ ref("int_persons") }}),

    decisive as (select * from {{ ref("consent_evidence") }} where is_decisive)

select
    persons.person_id,
    case
        decisive.says when 'consents' then 'granted' when 'refuses' then 'refused' else 'unknown'
    end as consent_state,
    decisive.statement as consent_basis
from persons
left join decisive on decisive.person_id = persons.person_id
