{%- set audiences = var("lifecycle")["audiences"] -%}

with
    contactable as (
        select * from {{ ref("customers") }} where consent_state = 'granted' and email is not null
    ),

    members as (
        {% for name, audience in audiences.items() %}
            {% set condition = audience.get("where") %}
            {% set days = audience.get("entered_within_days") %}
            select
                {{ literal(name) }} as audience,
                person_id,
                email,
                {{ literal(audience["list"]) }} as list_name,
                {{ audience.get("priority", 50) }} as priority,
                {{ audience.get("holdout_share", 0) }} as holdout_share,
                {{ literal(" and " ~ condition if condition else "") }} as condition,
                stage,
                stage_since,
                {{ contact_fields(audience.get("fields", [])) }} as fields
            from contactable
            where
                stage in ({{ literals(audience["stages"]) }})
                {% if condition %} and ({{ condition }}) {% endif %}
                {% if days is not none %}
                    and stage_since >= {{ add_days(run_date(), -days) }} and not is_late_entry
                {% endif %}
                {{ "union all" if not loop.last }}
        {% endfor %}
    ),

    lots as (
        select
            members.*,
            {{ hash_fraction("audience || '|' || cast(person_id as " ~ dbt.type_string() ~ ")") }} as lot
        from members
    )

select
    audience,
    person_id,
    email,
    list_name,
    priority,
    lot < holdout_share as is_holdout,
    'stage ' || stage || ' since ' || cast(stage_since as {{ dbt.type_string() }}) || condition as reason,
    fields
from lots
