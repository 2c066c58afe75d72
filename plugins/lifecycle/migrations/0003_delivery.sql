-- What was planned, sent and confirmed.
create schema if not exists $delivery;

-- One plan for one date and destination. A run that is repeated plans again: history is kept.
-- stopped_by names the guards that tripped; such a run is sent only if the answer is 'approved'.
create table if not exists $delivery.run (
    run_id bigint generated always as identity primary key,
    run_date date not null,
    destination text not null,
    is_dry_run boolean not null default false,
    planned_at timestamptz not null default now(),
    stopped_by text,
    answer text check (answer in ('approved', 'rejected', 'unanswered')),
    answered_by text,
    answered_at timestamptz,
    delivered_at timestamptz,
    summary jsonb
);

-- The figures of each audience in a plan; excluded maps each reason to a number of people.
create table if not exists $delivery.audience (
    run_id bigint not null references $delivery.run,
    audience text not null,
    list_name text not null,
    members bigint not null,
    held_out bigint not null,
    excluded jsonb not null,
    created bigint not null,
    added bigint not null,
    removed bigint not null,
    unchanged bigint not null,
    primary key (run_id, audience)
);

-- What one person's contact needs: fields to write, lists to join and to leave. People without a change have no row.
-- 'leave': may not be contacted any more. 'refused': the provider has refused exactly this before, so it is not sent
-- again.
create table if not exists $delivery.plan (
    run_id bigint not null references $delivery.run,
    person_id uuid not null,
    email text not null,
    change text not null check (change in ('create', 'update', 'leave', 'refused')),
    payload jsonb not null,
    desired jsonb not null,
    add_lists text[] not null,
    remove_lists text[] not null,
    primary key (run_id, person_id)
);
create index if not exists plan_person on $delivery.plan (person_id);

-- What was decided about each person whom an audience's rule matches, from one plan until another decided otherwise.
create table if not exists $delivery.decision (
    audience text not null,
    person_id uuid not null,
    outcome text not null check (outcome in ('member', 'holdout', 'excluded')),
    exclusion text,
    reason text not null,
    since_on date not null,
    until_on date,
    since_run bigint not null, -- no foreign keys: a first plan writes millions of rows
    until_run bigint
);
create unique index if not exists decision_now on $delivery.decision (audience, person_id) where until_run is null;
create index if not exists decision_person on $delivery.decision (person_id);

-- What the provider has confirmed, and nothing else; lists that others put a person on are not ours and not here.
-- A row that is not certain names lists that a request without an answer may have added, and fields of unknown value:
-- the next plan writes the person whole, and takes them off those lists that are not wanted.
create table if not exists $delivery.ledger (
    destination text not null,
    person_id uuid not null,
    email text not null,
    fields jsonb not null,
    lists text[] not null,
    is_certain boolean not null default true,
    confirmed_at timestamptz not null,
    run_id bigint not null references $delivery.run,
    primary key (destination, person_id)
);

-- Every membership of a person in a list of ours, by run dates: confirmed, or begun by a request without an answer.
create table if not exists $delivery.membership (
    destination text not null,
    person_id uuid not null,
    list_name text not null,
    entered_on date not null,
    left_on date,
    entered_run bigint not null references $delivery.run,
    left_run bigint references $delivery.run
);
create unique index if not exists membership_now on $delivery.membership (destination, person_id, list_name)
where left_run is null;
create index if not exists membership_person on $delivery.membership (person_id);

-- One request whose outcome the provider reports later. It is stored before it is made, the provider's id for it before
-- its status is polled.
create table if not exists $delivery.job (
    job_id bigint generated always as identity primary key,
    run_id bigint not null references $delivery.run,
    destination text not null,
    kind text not null check (kind in ('upsert', 'remove')),
    list_name text,
    provider_job text,
    status text not null check (status in ('intended', 'submitted', 'completed', 'failed')),
    submitted_at timestamptz not null default now(),
    finished_at timestamptz,
    confirmed bigint,
    rejected bigint
);
create index if not exists job_open on $delivery.job (destination) where status in ('intended', 'submitted');

create table if not exists $delivery.job_row (
    job_id bigint not null references $delivery.job,
    run_id bigint not null,
    person_id uuid not null,
    primary key (job_id, person_id)
);
create index if not exists job_row_person on $delivery.job_row (person_id, run_id);

-- Rows that the provider refused, with its message; tried again when what we would send has changed.
create table if not exists $delivery.reject (
    destination text not null,
    person_id uuid not null,
    email text not null,
    payload jsonb not null,
    add_lists text[] not null,
    message text not null,
    run_id bigint not null references $delivery.run,
    rejected_at timestamptz not null default now()
);
create index if not exists reject_person on $delivery.reject (destination, person_id, rejected_at);

-- What the provider's lists held when they were read back: in all, and each contact that is not as confirmed.
create table if not exists $delivery.reconciliation (
    run_id bigint not null references $delivery.run,
    list_name text not null,
    expected bigint not null,
    found bigint not null,
    missing bigint not null,
    extra bigint not null,
    different bigint not null,
    read_at timestamptz not null default now(),
    primary key (run_id, list_name)
);
create table if not exists $delivery.drift (
    run_id bigint not null references $delivery.run,
    list_name text not null,
    kind text not null check (kind in ('missing', 'extra', 'different')),
    person_id uuid,
    contact_id text,
    fields text[]
);
create index if not exists drift_run on $delivery.drift (run_id, list_name);

-- A plan as one reads it: what is to happen with whom, and with whom nothing, and why.
create or replace view $delivery.plan_detail as
with decided as not materialized (
    select audience.run_id, audience.list_name, decision.*
    from $delivery.audience
    inner join $delivery.decision on decision.audience = audience.audience
        and decision.since_run <= audience.run_id
        and (decision.until_run is null or decision.until_run > audience.run_id)
)
select run_id, person_id, change as action, null as audience, null as list_name, null as reason
from $delivery.plan
union all
select plan.run_id, plan.person_id, 'add', audience, joined.list_name, reason
from $delivery.plan
cross join unnest(add_lists) as joined (list_name)
left join decided on decided.run_id = plan.run_id and decided.list_name = joined.list_name
    and decided.person_id = plan.person_id
where change <> 'refused'
union all
select plan.run_id, plan.person_id, 'remove', audience.audience, parted.list_name,
    coalesce(exclusion, outcome, 'no longer in the audience')
from $delivery.plan
cross join unnest(remove_lists) as parted (list_name)
left join $delivery.audience on audience.run_id = plan.run_id and audience.list_name = parted.list_name
left join decided on decided.run_id = plan.run_id and decided.list_name = parted.list_name
    and decided.person_id = plan.person_id
union all
select decided.run_id, decided.person_id,
    case outcome when 'holdout' then 'held out' when 'excluded' then 'excluded' else 'unchanged' end,
    audience, decided.list_name, coalesce(exclusion, reason)
from decided
left join $delivery.plan on plan.run_id = decided.run_id and plan.person_id = decided.person_id
where outcome <> 'member' or not coalesce(decided.list_name = any(plan.add_lists), false);

-- What became of each run's plan, in people.
create or replace view $delivery.run_figures as
with sent as (
    select job_row.run_id, person_id, bool_and(status = 'completed') as is_finished
    from $delivery.job_row
    inner join $delivery.job using (job_id)
    where status <> 'failed'
    group by job_row.run_id, person_id
),
rejected as (select distinct run_id, person_id from $delivery.reject)
select run.run_id,
    (select count(*) from $delivery.plan where plan.run_id = run.run_id and change <> 'refused') as planned,
    (
        select count(*) from (
            select person_id from sent where sent.run_id = run.run_id
            union
            select person_id from rejected where rejected.run_id = run.run_id
        ) as people
    ) as sent,
    (
        select count(*) from sent
        where sent.run_id = run.run_id and is_finished
            and person_id not in (select person_id from rejected where rejected.run_id = run.run_id)
            and not exists (
                select from $delivery.ledger
                where ledger.destination = run.destination and ledger.person_id = sent.person_id and not is_certain)
    ) as confirmed,
    (select count(*) from rejected where rejected.run_id = run.run_id) as rejected
from $delivery.run;

-- Everything that was decided about, sent for and answered for a person, in order.
create or replace view $delivery.audit as
select person_id, run_id, run_date, destination, planned_at as at, 'planned: ' || action as event, list_name,
    reason as detail
from $delivery.plan_detail
inner join $delivery.run using (run_id)
where action not in ('unchanged', 'held out', 'excluded')
union all
select person_id, since_run, since_on, destination, planned_at,
    case outcome
        when 'member' then 'decided: member'
        when 'holdout' then 'decided: held out'
        else 'decided: excluded'
    end,
    audience.list_name, coalesce(exclusion, reason)
from $delivery.decision
inner join $delivery.run on run.run_id = since_run
left join $delivery.audience on audience.run_id = since_run and audience.audience = decision.audience
union all
select person_id, job.run_id, run_date, job.destination, submitted_at, 'sent: ' || kind, list_name, 'job ' || job_id
from $delivery.job_row
inner join $delivery.job using (job_id)
inner join $delivery.run on run.run_id = job.run_id
union all
select person_id, job.run_id, run_date, job.destination, finished_at, 'answered: ' || job.status, list_name,
    'job ' || job_id
from $delivery.job_row
inner join $delivery.job using (job_id)
inner join $delivery.run on run.run_id = job.run_id
where finished_at is not null
union all
select person_id, run_id, run_date, reject.destination, rejected_at, 'refused', null, message
from $delivery.reject
inner join $delivery.run using (run_id)
union all
select person_id, run_id, run_date, destination, answered_at, 'plan ' || answer, null,
    'by ' || coalesce(answered_by, 'nobody')
from $delivery.plan
inner join $delivery.run using (run_id)
where answer is not null;

comment on column $delivery.plan.email is 'pii';
comment on column $delivery.ledger.email is 'pii';
comment on column $delivery.reject.email is 'pii';

-- How many people the provider refused in each run, by list; without a list, of those who were to join none.
create or replace view $delivery.reject_counts as
select run_id, list_name, count(distinct person_id) as rejected
from $delivery.reject
left join lateral unnest(add_lists) as joined (list_name) on true
group by run_id, list_name;
