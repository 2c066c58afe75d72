{%- set cap = settings().get("contact_cap") -%}

with
    audiences as (select * from {{ ref("stg_settings__audiences") }}),

    candidates as (select * from {{ ref("int_audience_candidates") }}),

    -- of the audiences of one group, each but the most important one
    ranked_in_group as (
        select
            candidates.audience,
            candidates.person_id,
            row_number() over (
                partition by candidates.person_id, audiences.exclusive_group
                order by audiences.priority desc, audiences.position asc
            ) as place
        from candidates
        inner join audiences on audiences.audience = candidates.audience
        where audiences.exclusive_group is not null and candidates.exclusion is null
    ),

    outranked as (
        select audience, person_id, 'lower priority' as exclusion from ranked_in_group where place > 1
    ),

    assigned as (
        select
            candidates.audience,
            candidates.person_id,
            candidates.reason,
            coalesce(candidates.exclusion, outranked.exclusion) as exclusion,
            case
                when
                    audiences.holdout_share = 0
                    or coalesce(candidates.exclusion, outranked.exclusion) is not null
                then false
                else
                    {{
                        hash_fraction(
                            "candidates.audience || '|' || cast(candidates.person_id as "
                            ~ dbt.type_string()
                            ~ ")"
                        )
                    }} < audiences.holdout_share
            end as is_held_out
        from candidates
        inner join audiences on audiences.audience = candidates.audience
        left join
            outranked
            on outranked.audience = candidates.audience
            and outranked.person_id = candidates.person_id
    ),

    -- who is on the list or held out from it remains so, however often they were contacted
    newcomers as (
        select
            assigned.audience,
            assigned.person_id,
            audiences.priority,
            audiences.position,
            audiences.is_contact,
            coalesce(contacts.contacts_in_window, 0) as contacts_in_window,
            coalesce(
                contacts.last_contact_on > {{ add_days(run_date(), "-audiences.min_days_since_contact") }},
                false
            ) as is_recent
        from assigned
        inner join audiences on audiences.audience = assigned.audience
        left join {{ ref("int_contacts_made") }} as contacts on contacts.person_id = assigned.person_id
        where
            assigned.exclusion is null
            and (audiences.is_contact or audiences.min_days_since_contact is not null)
            and not exists (
                select 1
                from {{ ref("int_audience_memberships") }} as memberships
                where
                    memberships.audience = assigned.audience
                    and memberships.person_id = assigned.person_id
                    and (memberships.outcome = 'member' or assigned.is_held_out)
            )
    ),

    {% if cap %}
        ranked_contacts as (
            select
                audience,
                person_id,
                contacts_in_window,
                row_number() over (partition by person_id order by priority desc, position asc) as place
            from newcomers
            where is_contact and not is_recent
        ),
    {% endif %}

    spared as (
        select audience, person_id, 'contacted recently' as exclusion
        from newcomers
        where is_recent
        {% if cap %}
            union all
            select audience, person_id, 'capped' as exclusion
            from ranked_contacts
            where contacts_in_window + place > {{ cap["contacts"] }}
        {% endif %}
    ),

    decided as (
        select
            assigned.audience,
            assigned.person_id,
            assigned.reason,
            assigned.is_held_out,
            coalesce(assigned.exclusion, spared.exclusion) as exclusion
        from assigned
        left join spared on spared.audience = assigned.audience and spared.person_id = assigned.person_id
    ),

    -- a control group is left alone altogether, so nobody in it is on any list
    held_out as (select distinct person_id from decided where is_held_out and exclusion is null)

select
    decided.audience,
    decided.person_id,
    audiences.list_name,
    audiences.priority,
    case
        when decided.exclusion is not null
        then 'excluded'
        when decided.is_held_out
        then 'holdout'
        when held_out.person_id is not null
        then 'excluded'
        else 'member'
    end as outcome,
    case
        when decided.exclusion is not null
        then decided.exclusion
        when held_out.person_id is not null and not decided.is_held_out
        then 'held out'
    end as exclusion,
    decided.reason
from decided
inner join audiences on audiences.audience = decided.audience
left join held_out on held_out.person_id = decided.person_id
