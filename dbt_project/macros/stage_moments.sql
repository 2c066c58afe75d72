{#
    What the stages of each rule set follow from: one row for the entry (is_purchase 0) and one for each purchase
    day of each person, and of each account, whose purchases are those of all its members.
#}
{% macro stage_moments(rulesets) -%}
    {%- set shops = settings()["shops"] -%}
    {%- for name, ruleset in rulesets.items() -%}
        {%- set customers = ruleset.get("customers", "all") -%}
        {%- set some_shops = ruleset.get("shops") -%}
        {%- if not loop.first %}
            union all
        {% endif -%}
        {{ _entries(name, some_shops, customers) }}
        union all
        {{ _purchases(name, some_shops, customers, shops | length == 1) }}
        {%- if customers != "b2c" %}
            union all
            {{ _account_moments(name, some_shops) }}
        {%- endif -%}
    {%- endfor -%}
{%- endmacro %}

{% macro _of_customers(customers) -%}
    {%- if customers == "b2b" %} and persons.account_id is not null
    {%- elif customers == "b2c" %} and persons.account_id is null
    {%- endif -%}
{%- endmacro %}

{# With some shops only, a person enters with the first fact from one of them, and not at all without one. #}
{% macro _entries(name, some_shops, customers) -%}
    select
        cast({{ literal(name) }} as {{ dbt.type_string() }}) as ruleset,
        persons.person_id as subject_id,
        'person' as subject_kind,
        {{ "min(facts.seen_on)" if some_shops else "persons.first_seen_on" }} as day,
        0 as is_purchase
    from persons
    {%- if some_shops %}
        inner join
            (
                select person_id, business_day as seen_on
                from {{ ref("int_orders") }}
                where is_fact and shop in ({{ literals(some_shops) }}) and {{ is_affected("person_id") }}
                union all
                select person_id, seen_on
                from {{ ref("int_identity_events") }}
                where is_fact and origin in ({{ literals(some_shops) }}) and {{ is_affected("person_id") }}
            ) as facts
            on facts.person_id = persons.person_id
            and facts.seen_on <= {{ run_date() }}
    {%- endif %}
    where true {{ _of_customers(customers) }}
    {%- if some_shops %} group by persons.person_id {%- endif %}
{%- endmacro %}

{% macro _purchases(name, some_shops, customers, is_one_shop) -%}
    select
        cast({{ literal(name) }} as {{ dbt.type_string() }}) as ruleset,
        days.person_id as subject_id,
        'person' as subject_kind,
        days.business_day as day,
        1 as is_purchase
    from {{ ref("purchase_days") }} as days
    {%- if customers != "all" %} inner join persons on persons.person_id = days.person_id {%- endif %}
    where
        {{ is_affected("days.person_id") }}
        {%- if some_shops %}
            and days.shop in ({{ literals(some_shops) }})
        {%- endif %} {{ _of_customers(customers) }}
    {%- if not is_one_shop %} group by days.person_id, days.business_day {%- endif %}
{%- endmacro %}

{% macro _account_moments(name, some_shops) -%}
    select
        cast({{ literal(name) }} as {{ dbt.type_string() }}) as ruleset,
        account_id as subject_id,
        'account' as subject_kind,
        min(first_seen_on) as day,
        0 as is_purchase
    from {{ ref("int_persons") }}
    where account_id is not null and {{ is_affected("account_id") }}
    group by account_id
    union all
    select
        cast({{ literal(name) }} as {{ dbt.type_string() }}) as ruleset,
        members.account_id as subject_id,
        'account' as subject_kind,
        days.business_day as day,
        1 as is_purchase
    from {{ ref("int_persons") }} as members
    inner join {{ ref("purchase_days") }} as days on days.person_id = members.person_id
    where
        members.account_id is not null and {{ is_affected("members.account_id") }}
        {%- if some_shops %} and days.shop in ({{ literals(some_shops) }}) {%- endif %}
    group by members.account_id, days.business_day
{%- endmacro %}

{#
    Each moment with the thresholds that hold after it, in days. Personal ones stretch the shop's by the person's own
    pace: with n gaps known at the purchase, of mean m, and the shop's mean M, by (n * m / M + K) / (n + K). That is
    the credibility estimate of Bühlmann (1967, Experience rating and credibility, ASTIN Bulletin 4), relative to the
    shop; K is credibility_gaps. n * m is the time between the first purchase and this one: nothing later counts.
#}
{% macro judged_moments() -%}
    {%- set is_personal = (
        settings()["stages"]["rulesets"].values()
        | selectattr("kind", "equalto", "personal")
        | list
    ) -%}
    select
        thresholds.*,
        case when ordinal = 1 and new_max_days + 1 < at_risk_after then new_max_days + 1 end as active_after
    from
        {% if is_personal %}
            (
                select
                    lapsed.*,
                    greatest(cast(ceiling(lost_days * pace) as integer), lapsed_after + 1) as lost_after
                from
                    (
                        select
                            at_risk.*,
                            greatest(
                                cast(ceiling(lapsed_days * pace) as integer), at_risk_after + 1
                            ) as lapsed_after
                        from
                            (
                                select
                                    paced.*,
                                    case
                                        when pace = 1
                                        then at_risk_days
                                        else
                                            greatest(
                                                cast(ceiling(at_risk_days * pace) as integer), at_least_days
                                            )
                                    end as at_risk_after
                                from ({{ _paced_moments() }}) as paced
                            ) as at_risk
                    ) as lapsed
            ) as thresholds
        {% else %}
            (
                select
                    versioned.*,
                    at_risk_days as at_risk_after,
                    lapsed_days as lapsed_after,
                    lost_days as lost_after
                from ({{ _versioned_moments() }}) as versioned
            ) as thresholds
        {% endif %}
{%- endmacro %}

{% macro _paced_moments() -%}
    select
        versioned.*,
        case
            when kind = 'personal' and ordinal > 1 and mean_gap_days > 0
            then
                ({{ days_since("first_purchase_on", "day") }} / mean_gap_days + credibility_gaps)
                / (ordinal - 1 + credibility_gaps)
            else 1
        end as pace
    from ({{ _versioned_moments() }}) as versioned
{%- endmacro %}

{% macro _versioned_moments() -%}
    select
        moments.*,
        versions.ruleset_version,
        versions.kind,
        versions.at_risk_days,
        versions.lapsed_days,
        versions.lost_days,
        versions.new_max_days,
        versions.mean_gap_days,
        versions.credibility_gaps,
        versions.at_least_days
    from ordered_moments as moments
    {% if ruleset_versions().count("union all") == 0 %} cross join versions
    {% else %}
        inner join
            versions
            on versions.ruleset = moments.ruleset
            and moments.day >= versions.valid_from
            and (moments.day < versions.valid_to or versions.valid_to is null)
    {% endif %}
{%- endmacro %}
