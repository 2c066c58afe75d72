-- What was read from the sources, and the record of reading it. The tables of documents are made beside it.
create schema if not exists $raw;

-- One complete read of one stream; written in the transaction that lands its documents.
create table if not exists $raw.pull (
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

-- A piece of a stream, such as a file, that was read once; another version of it is read again.
create table if not exists $raw.part (
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
create table if not exists $raw.reject (
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
create table if not exists $raw.sweep (
    source text not null,
    stream text not null,
    run_date date not null,
    swept_at timestamptz not null default now(),
    listed bigint not null,
    vanished bigint not null,
    returned bigint not null,
    primary key (source, stream, run_date)
);

-- How many rows of each stream do not fit as of now.
create or replace view $raw.reject_counts as
select source, stream, count(*) as rejected from $raw.reject group by source, stream;
