{#
    Addresses that were the same person's before: of merged persons, of shop customers with a new address, and of persons
    whose address had another form. As with suppressions, what is known counts for any run date.
#}
with
    versions as (select * from {{ ref("identity_map") }}),

    moved as (
        select versions.person_id, earlier.identity_id
        from versions
        inner join
            versions as earlier
            on earlier.customer_id = versions.customer_id
            and earlier.version < versions.version
        where versions.known_to is null
    )

select person_id, identity_id
from moved
where identity_id <> person_id
union
select surviving_person_id as person_id, person_id as identity_id
from {{ ref("stg_settings__person_merges") }}
union
select person_id, former_id as identity_id
from {{ source("delivery", "former_person") }}
