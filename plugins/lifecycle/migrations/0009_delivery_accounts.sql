-- What was confirmed, refused and requested belongs to one account of a provider, and so do the ids of lists and fields.
-- identity is a digest of what the provider says its account is, null where it can't be read. The current account is the
-- one that the last night met.
create table $delivery.account (
    account_id bigint generated always as identity primary key,
    destination text not null,
    identity text,
    is_current boolean not null,
    first_met_at timestamptz not null default now()
);
create unique index account_current on $delivery.account (destination) where is_current;

insert into $delivery.account (destination, is_current)
select destination, true from $delivery.run union select destination, true from $delivery.ledger order by 1;

-- The lists and custom fields that we write, by their ids in the account. Who may not be written to is on none of them.
create table $delivery.list (
    account_id bigint not null references $delivery.account,
    list_name text not null,
    provider_id text not null,
    primary key (account_id, list_name)
);
create table $delivery.field (
    account_id bigint not null references $delivery.account,
    field_name text not null,
    provider_id text not null,
    primary key (account_id, field_name)
);

-- What the ledger could no longer be sure of, and why: counts of people, whom the next plan writes again.
create table $delivery.doubt (
    account_id bigint not null references $delivery.account,
    noticed_at timestamptz not null default now(),
    reason text not null check (
        reason in ('new account', 'list deleted', 'field deleted', 'list differs', 'job pending', 'warehouse restored')),
    name text,
    persons bigint not null
);
create index doubt_noticed on $delivery.doubt (noticed_at);

-- By what a restored or copied warehouse is told from the one that the last night left.
create table $delivery.installation (
    system_identifier text,
    database_oid oid not null,
    table_oid oid not null
);

drop view $delivery.audit, $delivery.run_figures, $delivery.reject_counts, $delivery.plan_detail;

alter table $delivery.run add column account_id bigint references $delivery.account;
update $delivery.run set account_id = account.account_id
from $delivery.account where account.destination = run.destination;
alter table $delivery.run alter column account_id set not null;
-- The fields that a plan may write: what else a contact holds is not ours.
alter table $delivery.run add column fields text[] not null default '{}';

do $of_an_account$
declare
    relation text;
begin
    foreach relation in array array['ledger', 'membership', 'job', 'reject'] loop
        execute format('alter table $delivery.%I add column account_id bigint references $delivery.account', relation);
        execute format(
            'update $delivery.%I as kept set account_id = account.account_id'
            ' from $delivery.account where account.destination = kept.destination', relation);
        execute format('alter table $delivery.%I alter column account_id set not null, drop column destination', relation);
    end loop;
end
$of_an_account$;
alter table $delivery.ledger add primary key (account_id, person_id);
create index ledger_address on $delivery.ledger (account_id, email);
create unique index membership_now on $delivery.membership (account_id, person_id, list_name) where left_run is null;
create index job_open on $delivery.job (account_id) where status in ('intended', 'submitted', 'doubted');
create index reject_person on $delivery.reject (account_id, person_id, rejected_at);

-- Since which run date the provider has not known the address of somebody who may not be written to.
alter table $delivery.ledger add column absent_since date;

-- A membership that only restores what the provider had lost, or had already, is no contact.
alter table $delivery.membership add column is_repair boolean not null default false;

-- doubted: pending for too long, so that its people were planned again. split: some of its rows were refused without a
-- name, so its halves were sent again; part_of is the job whose half it is.
alter table $delivery.job drop constraint job_status_check;
alter table $delivery.job add constraint job_status_check
check (status in ('intended', 'submitted', 'completed', 'failed', 'doubted', 'split'));
alter table $delivery.job add column part_of bigint references $delivery.job;
alter table $delivery.job add column unnamed bigint not null default 0;

-- A list that is no longer in the marketer's file has its row as well: those who leave it are its figures.
alter table $delivery.audience add column is_removed boolean not null default false;

alter table $delivery.reconciliation add column account_id bigint references $delivery.account;
update $delivery.reconciliation set account_id = run.account_id
from $delivery.run where run.run_id = reconciliation.run_id;
alter table $delivery.reconciliation alter column account_id set not null;

-- A plan as one reads it: what is to happen with whom, and with whom nothing, and why.
create view $delivery.plan_detail as
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
create view $delivery.run_figures as
with sent as (
    select job_row.run_id, person_id, bool_and(status = 'completed') as is_finished
    from $delivery.job_row
    inner join $delivery.job using (job_id)
    where status not in ('failed', 'split')
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
                where ledger.account_id = run.account_id and ledger.person_id = sent.person_id and not is_certain)
    ) as confirmed,
    (select count(*) from rejected where rejected.run_id = run.run_id) as rejected
from $delivery.run;

-- Everything that was decided about, sent for and answered for a person, in order.
create view $delivery.audit as
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
select person_id, job.run_id, run_date, run.destination, submitted_at, 'sent: ' || kind, list_name, 'job ' || job_id
from $delivery.job_row
inner join $delivery.job using (job_id)
inner join $delivery.run on run.run_id = job.run_id
union all
select person_id, job.run_id, run_date, run.destination, finished_at, 'answered: ' || job.status, list_name,
    'job ' || job_id
from $delivery.job_row
inner join $delivery.job using (job_id)
inner join $delivery.run on run.run_id = job.run_id
where finished_at is not null
union all
select person_id, run_id, run_date, destination, rejected_at, 'refused', null, message
from $delivery.reject
inner join $delivery.run using (run_id)
union all
select person_id, run_id, run_date, destination, answered_at, 'plan ' || answer, null,
    'by ' || coalesce(answered_by, 'nobody')
from $delivery.plan
inner join $delivery.run using (run_id)
where answer is not null;

-- How many people the provider refused in each run, by list; without a list, of those who were to join none.
create view $delivery.reject_counts as
select run_id, list_name, count(distinct person_id) as rejected
from $delivery.reject
left join lateral unnest(add_lists) as joined (list_name) on true
group by run_id, list_name;
