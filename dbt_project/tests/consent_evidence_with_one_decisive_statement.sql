-- Whoever has evidence has exactly one statement that decides, and none weighs more.
select person_id
from {{ ref("consent_evidence") }}
group by person_id
having
    sum(case when is_decisive then 1 else 0 end) <> 1
    or min(case when is_decisive then precedence end) > min(precedence)
