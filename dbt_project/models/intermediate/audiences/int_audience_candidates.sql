{{ config(materialized="view") }}

-- who matches an audience's own rules, whatever their consent, and why nobody may write to them
{% for name, audience in settings()["audiences"].items() %}
    {% set condition = audience.get("where") %}
    {% set days = audience.get("entered_within_days") %}
    select
        cast({{ literal(name) }} as {{ dbt.type_string() }}) as audience,
        person_id,
        'stage '
        || stage
        || ' since '
        || cast(stage_since as {{ dbt.type_string() }})
        || {{ literal(" and " ~ condition if condition else "") }} as reason,
        case
            when email is null
            then 'no address'
            when not {{ is_plausible_email("email") }}
            then 'invalid address'
            when consent_state = 'refused' and consent_basis = 'withdrawal'
            then 'withdrawn'
            when consent_state = 'refused'
            then 'suppressed'
            when consent_state = 'granted'
            then null
            else 'no consent'
        end as exclusion
    from {{ ref("customers") }}
    where
        stage in ({{ literals(audience["stages"]) }})
        {% if condition %} and ({{ condition }}) {% endif %}
        {% if days is not none %}
            and stage_since >= {{ add_days(run_date(), -days) }} and not is_late_entry
        {% endif %}
        {{ "union all" if not loop.last }}
{% endfor %}
