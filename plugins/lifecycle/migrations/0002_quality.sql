-- What every check has found.
create schema if not exists $quality;

create table if not exists $quality.result (
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
create index if not exists result_run_date on $quality.result (run_date, gate);
