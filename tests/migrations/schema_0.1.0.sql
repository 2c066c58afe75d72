-- The schemas that are not dbt's. Every statement can be repeated.
create schema if not exists raw;
create schema if not exists delivery;
create schema if not exists quality;

-- One complete read of one stream; written in the transaction that lands its documents.
create table if not exists raw.pull (
    source text not null,
    stream text not null,
    run_date date not null,
    started_at timestamptz not null,
    finished_at timestamptz not null,
    pages integer not null,
    documents bigint not null,
    changed bigint not null,
    cursor_at timestamptz,
    primary key (source, stream, run_date)
);

-- A piece of a stream, such as a file, that was read once; another version of it is read anew.
create table if not exists raw.part (
    source text not null,
    stream text not null,
    name text not null,
    version text not null,
    documents bigint not null,
    rejected bigint not null,
    loaded_at timestamptz not null default now(),
    primary key (source, stream, name)
);

-- A row that does not fit, until the file that it is in is read in another version.
create table if not exists raw.reject (
    source text not null,
    stream text not null,
    file text not null,
    line bigint not null,
    reason text not null,
    "row" text not null,
    run_date date not null,
    landed_at timestamptz not null default now(),
    primary key (source, stream, run_date, file, line)
);

-- One look at everything that a stream holds, and how many known documents were not there any more.
create table if not exists raw.sweep (
    source text not null,
    stream text not null,
    run_date date not null,
    swept_at timestamptz not null default now(),
    listed bigint not null,
    vanished bigint not null,
    returned bigint not null,
    primary key (source, stream, run_date)
);

create table if not exists quality.result (
    run_date date not null,
    gate text not null,
    suite text not null,
    expectation text not null,
    column_name text,
    severity text not null check (severity in ('critical', 'warning', 'info')),
    success boolean not null,
    observed text,
    threshold text,
    checked_at timestamptz not null default now()
);
create index if not exists result_run_date on quality.result (run_date, gate);

-- One plan for one date and destination. A run that is repeated plans anew: history is kept.
-- stopped_by names the guards that tripped; such a run is sent only if the answer is 'approved'.
create table if not exists delivery.run (
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
create table if not exists delivery.audience (
    run_id bigint not null references delivery.run,
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
-- 'leave': may not be contacted any more. 'refused': the provider has refused exactly this before; it is not sent again.
create table if not exists delivery.plan (
    run_id bigint not null references delivery.run,
    person_id uuid not null,
    email text not null,
    change text not null check (change in ('create', 'update', 'leave', 'refused')),
    payload jsonb not null,
    desired jsonb not null,
    add_lists text[] not null,
    remove_lists text[] not null,
    primary key (run_id, person_id)
);
create index if not exists plan_person on delivery.plan (person_id);

-- What was decided about each person whom an audience's rule matches, from one plan until another decided otherwise.
create table if not exists delivery.decision (
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
create unique index if not exists decision_now on delivery.decision (audience, person_id) where until_run is null;
create index if not exists decision_person on delivery.decision (person_id);

-- What the provider has confirmed, never what we hoped; lists that others put a person on are not ours and not here.
-- A row that is not certain names lists that a request without an answer may have added, and fields of unknown value:
-- the next plan writes the person whole, and takes them off those lists that are not wanted.
create table if not exists delivery.ledger (
    destination text not null,
    person_id uuid not null,
    email text not null,
    fields jsonb not null,
    lists text[] not null,
    is_certain boolean not null default true,
    confirmed_at timestamptz not null,
    run_id bigint not null references delivery.run,
    primary key (destination, person_id)
);

-- Every stay of a person on a list of ours, by run dates: confirmed, or begun by a request without an answer.
create table if not exists delivery.membership (
    destination text not null,
    person_id uuid not null,
    list_name text not null,
    entered_on date not null,
    left_on date,
    entered_run bigint not null references delivery.run,
    left_run bigint references delivery.run
);
create unique index if not exists membership_now on delivery.membership (destination, person_id, list_name)
where left_run is null;
create index if not exists membership_person on delivery.membership (person_id);

-- One request whose outcome the provider tells later. It is noted before it is made, its id before it is asked about.
create table if not exists delivery.job (
    job_id bigint generated always as identity primary key,
    run_id bigint not null references delivery.run,
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
create index if not exists job_open on delivery.job (destination) where status in ('intended', 'submitted');

create table if not exists delivery.job_row (
    job_id bigint not null references delivery.job,
    run_id bigint not null,
    person_id uuid not null,
    primary key (job_id, person_id)
);
create index if not exists job_row_person on delivery.job_row (person_id, run_id);

-- Rows that the provider refused, with its message; tried again when what we would send has changed.
create table if not exists delivery.reject (
    destination text not null,
    person_id uuid not null,
    email text not null,
    payload jsonb not null,
    add_lists text[] not null,
    message text not null,
    run_id bigint not null references delivery.run,
    rejected_at timestamptz not null default now()
);
create index if not exists reject_person on delivery.reject (destination, person_id, rejected_at);

-- What the provider's lists held when they were read back: in all, and each contact that is not as confirmed.
create table if not exists delivery.reconciliation (
    run_id bigint not null references delivery.run,
    list_name text not null,
    expected bigint not null,
    found bigint not null,
    missing bigint not null,
    extra bigint not null,
    different bigint not null,
    read_at timestamptz not null default now(),
    primary key (run_id, list_name)
);
create table if not exists delivery.drift (
    run_id bigint not null references delivery.run,
    list_name text not null,
    kind text not null check (kind in ('missing', 'extra', 'different')),
    person_id uuid,
    contact_id text,
    fields text[]
);
create index if not exists drift_run on delivery.drift (run_id, list_name);

-- A plan as one reads it: what is to happen with whom, and with whom nothing, and why.
create or replace view delivery.plan_detail as
with decided as not materialized (
    select audience.run_id, audience.list_name, decision.*
    from delivery.audience
    inner join delivery.decision on decision.audience = audience.audience
        and decision.since_run <= audience.run_id
        and (decision.until_run is null or decision.until_run > audience.run_id)
)
select run_id, person_id, change as action, null as audience, null as list_name, null as reason
from delivery.plan
union all
select plan.run_id, plan.person_id, 'add', audience, joined.list_name, reason
from delivery.plan
cross join unnest(add_lists) as joined (list_name)
left join decided on decided.run_id = plan.run_id and decided.list_name = joined.list_name
    and decided.person_id = plan.person_id
where change <> 'refused'
union all
select plan.run_id, plan.person_id, 'remove', audience.audience, parted.list_name,
    coalesce(exclusion, outcome, 'no longer in the audience')
from delivery.plan
cross join unnest(remove_lists) as parted (list_name)
left join delivery.audience on audience.run_id = plan.run_id and audience.list_name = parted.list_name
left join decided on decided.run_id = plan.run_id and decided.list_name = parted.list_name
    and decided.person_id = plan.person_id
union all
select decided.run_id, decided.person_id,
    case outcome when 'holdout' then 'held out' when 'excluded' then 'excluded' else 'unchanged' end,
    audience, decided.list_name, coalesce(exclusion, reason)
from decided
left join delivery.plan on plan.run_id = decided.run_id and plan.person_id = decided.person_id
where outcome <> 'member' or not coalesce(decided.list_name = any(plan.add_lists), false);

-- What became of each run's plan, in people.
create or replace view delivery.run_figures as
with sent as (
    select job_row.run_id, person_id, bool_and(status = 'completed') as is_finished
    from delivery.job_row
    inner join delivery.job using (job_id)
    where status <> 'failed'
    group by job_row.run_id, person_id
),
rejected as (select distinct run_id, person_id from delivery.reject)
select run.run_id,
    (select count(*) from delivery.plan where plan.run_id = run.run_id and change <> 'refused') as planned,
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
                select from delivery.ledger
                where ledger.destination = run.destination and ledger.person_id = sent.person_id and not is_certain)
    ) as confirmed,
    (select count(*) from rejected where rejected.run_id = run.run_id) as rejected
from delivery.run;

-- Everything that was decided about, sent for and answered for a person, in order.
create or replace view delivery.audit as
select person_id, run_id, run_date, destination, planned_at as at, 'planned: ' || action as event, list_name, reason as detail
from delivery.plan_detail
inner join delivery.run using (run_id)
where action not in ('unchanged', 'held out', 'excluded')
union all
select person_id, since_run, since_on, destination, planned_at,
    case outcome when 'member' then 'decided: member' when 'holdout' then 'decided: held out' else 'decided: excluded' end,
    audience.list_name, coalesce(exclusion, reason)
from delivery.decision
inner join delivery.run on run.run_id = since_run
left join delivery.audience on audience.run_id = since_run and audience.audience = decision.audience
union all
select person_id, job.run_id, run_date, job.destination, submitted_at, 'sent: ' || kind, list_name, 'job ' || job_id
from delivery.job_row
inner join delivery.job using (job_id)
inner join delivery.run on run.run_id = job.run_id
union all
select person_id, job.run_id, run_date, job.destination, finished_at, 'answered: ' || job.status, list_name, 'job ' || job_id
from delivery.job_row
inner join delivery.job using (job_id)
inner join delivery.run on run.run_id = job.run_id
where finished_at is not null
union all
select person_id, run_id, run_date, reject.destination, rejected_at, 'refused', null, message
from delivery.reject
inner join delivery.run using (run_id)
union all
select person_id, run_id, run_date, destination, answered_at, 'plan ' || answer, null, 'by ' || coalesce(answered_by, 'nobody')
from delivery.plan
inner join delivery.run using (run_id)
where answer is not null;

comment on column delivery.plan.email is 'pii';
comment on column delivery.ledger.email is 'pii';
comment on column delivery.reject.email is 'pii';

create schema if not exists statistics;

-- What a rule set says, for the days from valid_from on. A version gives way to any later one that holds from the same
-- day or an earlier one; -infinity is all of history. Where the days are learnt, gaps tells from how many gaps between
-- purchase days, 0 meaning not yet: then the days are those of the marketer's file. A version is never changed.
create table if not exists statistics.ruleset_version (
    ruleset text not null,
    version integer not null check (version > 0),
    kind text not null check (kind in ('fixed', 'shop', 'personal')),
    valid_from date not null,
    at_risk_days integer not null check (at_risk_days > 0),
    lapsed_days integer not null check (lapsed_days > at_risk_days),
    lost_days integer not null check (lost_days > lapsed_days),
    new_max_days integer check (new_max_days > 0),
    mean_gap_days double precision,
    credibility_gaps double precision check (credibility_gaps > 0),
    at_least_days integer not null check (at_least_days > 0),
    gaps bigint not null check (gaps >= 0),
    made_for date not null,
    made_at timestamptz not null default now(),
    primary key (ruleset, version)
);

-- How customers come, stay and spend, as fitted on one day; the newest version counts. Times are in days.
-- The spend parameters are null where too few customers have spent anything; report tells how well it all fits.
create table if not exists statistics.customer_model (
    version integer generated always as identity primary key,
    model text not null check (model in ('mbg_nbd', 'bg_nbd')),
    fitted_for date not null,
    fitted_at timestamptz not null default now(),
    customers bigint not null,
    r double precision not null check (r > 0),
    alpha double precision not null check (alpha > 0),
    a double precision not null check (a > 0),
    b double precision not null check (b > 0),
    log_likelihood double precision not null,
    spend_p double precision check (spend_p > 0),
    spend_q double precision check (spend_q > 1),
    spend_gamma double precision check (spend_gamma > 0),
    spend_log_likelihood double precision,
    spend_customers bigint not null,
    report jsonb not null
);

-- The chance of dropping out after a purchase, for who is still there after so many repeat purchases, as a few values
-- with weights that sum to 1. With them, SQL gives the purchases to be expected in t days:
-- sum(weight * (1 - ((alpha + age) / (alpha + age + dropout * t)) ^ (r + repeat purchases)) / dropout).
create table if not exists statistics.outlook_node (
    version integer not null references statistics.customer_model,
    purchases integer not null check (purchases >= 0),
    node smallint not null,
    dropout double precision not null check (dropout > 0 and dropout < 1),
    weight double precision not null check (weight >= 0),
    primary key (version, purchases, node)
);

-- From which value on a customer has a score; the lowest score, 1, needs none. The newest version counts.
-- Recency is compared as minus the days since the last purchase, so that more is better in each metric.
create table if not exists statistics.score_cut (
    version integer not null check (version > 0),
    metric text not null check (metric in ('recency', 'frequency', 'monetary')),
    score smallint not null check (score between 2 and 5),
    at_least numeric not null,
    made_for date not null,
    primary key (version, metric, score)
);

-- How many people the provider refused in each run, by list; without a list, of those who were to join none.
create or replace view delivery.reject_counts as
select run_id, list_name, count(distinct person_id) as rejected
from delivery.reject
left join lateral unnest(add_lists) as joined (list_name) on true
group by run_id, list_name;

-- How many rows of each stream do not fit as of now.
create or replace view raw.reject_counts as
select source, stream, count(*) as rejected from raw.reject group by source, stream;

-- Who has looked at whose history. It is written, and committed, before anything is shown.
create schema if not exists access;
create table if not exists access.person_view (
    viewed_at timestamptz not null default now(),
    viewed_by text not null check (viewed_by <> ''),
    person_id uuid not null
);
create index if not exists person_view_person on access.person_view (person_id);

create or replace function access.record(viewed_by text, person_id uuid) returns void
language sql security definer set search_path = pg_catalog, pg_temp
begin atomic
    insert into access.person_view (viewed_by, person_id) values (record.viewed_by, record.person_id);
end;
revoke all on function access.record from public;

-- Two roles without login that may read, where this login may make roles: lifecycle_figures what holds counts,
-- lifecycle_people what tells of single persons. All databases of a server share them. dbt lets them read the marts.
do $$
declare
    reader text;
    thing record;
begin
    foreach reader in array array['lifecycle_figures', 'lifecycle_people'] loop
        if not exists (select from pg_roles where rolname = reader) then
            begin
                execute format('create role %I nologin', reader);
            exception when duplicate_object or unique_violation or insufficient_privilege then
                null; -- another database has just made it, or only an administrator can
            end;
        end if;
    end loop;
    for thing in
        select rolname, split_part(name, '.', 1) as schema, name
        from (values
            ('lifecycle_figures', 'delivery.run'),
            ('lifecycle_figures', 'delivery.audience'),
            ('lifecycle_figures', 'delivery.reject_counts'),
            ('lifecycle_figures', 'raw.pull'),
            ('lifecycle_figures', 'raw.sweep'),
            ('lifecycle_figures', 'raw.reject_counts'),
            ('lifecycle_figures', 'quality.result'),
            ('lifecycle_people', 'delivery.audit')
        ) as readable (grantee, name)
        inner join pg_roles on rolname = grantee
        where not has_table_privilege(rolname, name, 'select')
    loop
        execute format('grant usage on schema %I to %I', thing.schema, thing.rolname);
        execute format('grant select on %s to %I', thing.name, thing.rolname);
    end loop;
    if exists (select from pg_roles where rolname = 'lifecycle_people') then
        grant usage on schema access to lifecycle_people;
        grant execute on function access.record to lifecycle_people;
    end if;
end $$;
