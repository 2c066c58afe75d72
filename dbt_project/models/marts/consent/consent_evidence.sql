{#- What counts, the most decisive first; a pair that is not named here counts for nothing. What people decided under a
    former address holds on; that it bounced says nothing about the new one, and nobody subscribed with that. -#}
{%- set precedence = [
    {"statement": "spam_report", "says": "refuses", "is_former": false},
    {"statement": "unsubscribe", "says": "refuses", "is_former": false},
    {"statement": "group_unsubscribe", "says": "refuses", "is_former": false},
    {"statement": "invalid_email", "says": "refuses", "is_former": false},
    {"statement": "bounce", "says": "refuses", "is_former": false},
    {"statement": "block", "says": "refuses", "is_former": false},
    {"statement": "spam_report", "says": "refuses", "is_former": true},
    {"statement": "unsubscribe", "says": "refuses", "is_former": true},
    {"statement": "group_unsubscribe", "says": "refuses", "is_former": true},
    {"statement": "withdrawal", "says": "refuses", "is_former": false},
    {"statement": "withdrawal", "says": "refuses", "is_former": true},
    {"statement": "double_opt_in", "says": "consents", "is_former": false},
    {"statement": "shop_checkbox", "says": "consents", "is_former": false},
    {"statement": "existing_customer", "says": "consents", "is_former": false},
] %}

with
    precedences as (
        {% for rule in precedence %}
            select
                {{ literal(rule["statement"]) }} as statement,
                {{ literal(rule["is_former"]) }} as is_former,
                {{ literal(rule["says"]) }} as says,
                {{ loop.index }} as precedence
                {{ "union all" if not loop.last }}
        {% endfor %}
    ),

    persons as (select person_id from {{ ref("int_persons") }}),

    identities as (
        select person_id, person_id as identity_id, false as is_former
        from persons
        union all
        select former.person_id, former.identity_id, true as is_former
        from {{ ref("int_former_identities") }} as former
        inner join persons on persons.person_id = former.person_id
    ),

    -- known suppressions count for any run date
    suppressions as (
        select identity_id, source, reason as statement, created_at as said_at
        from {{ ref("int_esp_suppressions") }}
        where not is_deleted and email is not null
    ),

    subscriptions as (
        select
            identity_events.identity_id,
            identity_events.origin as source,
            'double_opt_in' as statement,
            members.created_at as said_at
        from {{ ref("int_identity_events") }} as identity_events
        left join
            {{ ref("int_esp_list_members") }} as members
            on 'member:' || members.list_member_id = identity_events.identity_event_id
        where
            identity_events.kind = 'member'
            and identity_events.is_fact
            and identity_events.identity_id = identity_events.person_id
            and identity_events.seen_on <= {{ run_date() }}
    ),

    -- a withdrawal counts even of a customer who is not known
    checkboxes as (
        select
            identity_id,
            shop as source,
            case when has_newsletter_consent then 'shop_checkbox' else 'withdrawal' end as statement,
            consent_said_at as said_at
        from {{ ref("int_shop_customers") }}
        where has_newsletter_consent is not null and (is_known or not has_newsletter_consent)
    ),

    purchases as (
        select distinct
            person_id as identity_id,
            shop as source,
            'existing_customer' as statement,
            cast(null as timestamptz) as said_at
        from {{ ref("purchase_days") }}
        where {{ literal(settings()["consent"]["existing_customers"]) }}
    ),

    statements as (
        select *
        from suppressions
        union all
        select *
        from subscriptions
        union all
        select *
        from checkboxes
        union all
        select *
        from purchases
    ),

    evidence as (
        select
            identities.person_id,
            statements.source,
            statements.statement,
            precedences.says,
            max(statements.said_at) as said_at,
            identities.is_former,
            precedences.precedence
        from statements
        inner join identities on identities.identity_id = statements.identity_id
        inner join
            precedences
            on precedences.statement = statements.statement
            and precedences.is_former = identities.is_former
        group by
            identities.person_id,
            statements.source,
            statements.statement,
            precedences.says,
            identities.is_former,
            precedences.precedence
    )

select
    person_id,
    source,
    statement,
    says,
    said_at,
    is_former,
    precedence,
    row_number() over (partition by person_id order by precedence, source) = 1 as is_decisive
from evidence
