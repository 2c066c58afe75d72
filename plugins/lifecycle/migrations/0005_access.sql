-- Who has looked at whose history. It is written, and committed, before anything is shown.
create schema if not exists $access;

create table if not exists $access.person_view (
    viewed_at timestamptz not null default now(),
    viewed_by text not null check (viewed_by <> ''),
    person_id uuid not null
);
create index if not exists person_view_person on $access.person_view (person_id);

create or replace function $access.record(viewed_by text, person_id uuid) returns void
language sql security definer set search_path = pg_catalog, pg_temp
begin atomic
    insert into $access.person_view (viewed_by, person_id) values (record.viewed_by, record.person_id);
end;
revoke all on function $access.record from public;
