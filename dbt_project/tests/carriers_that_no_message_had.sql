-- Scenarios that are recognised by a name that no delivered message ever had: it may be misspelt.
{{ config(severity="warn") }}
select scenario, recognised_by, recognised_as
from {{ ref("contact_scenarios") }} as catalogue
where
    recognised_by in ('category', 'campaign', 'automation', 'subject')
    and not exists (
        select 1 from {{ ref("messages") }} as messages where {{ is_recognised("messages", "catalogue") }}
    )
