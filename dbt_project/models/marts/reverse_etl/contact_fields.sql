{{ config(pre_hook="{{ disable_nested_loops() }}") }}

with
    customers as (
        select *
        from {{ ref("customers") }}
        where consent_state = 'granted' and {{ is_plausible_email("email") }}
    ),

    memberships as (
        select
            {% for added in fields_of_audiences().values() %}
                max(
                    case when audience in ({{ literals(added["audiences"]) }}) then 1 else 0 end
                ) as carries_{{ loop.index }},
            {% endfor %}
            max(case when is_holdout then 1 else 0 end) as is_held_out,
            person_id
        from {{ ref("audience_members") }}
        group by person_id
    )

select
    customers.person_id,
    customers.email,
    case
        when memberships.is_held_out = 1 then {{ held_out_fields() }} else {{ contact_fields() }}
    end as fields
from customers
left join memberships on memberships.person_id = customers.person_id
