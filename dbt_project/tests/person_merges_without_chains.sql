{#
    Who survives a merge is not merged into somebody else, and nobody into themselves: name the last of the chain as the
    survivor of all.
#}
select merges.person_id, merges.surviving_person_id
from {{ ref("stg_settings__person_merges") }} as merges
inner join
    {{ ref("stg_settings__person_merges") }} as further on further.person_id = merges.surviving_person_id
