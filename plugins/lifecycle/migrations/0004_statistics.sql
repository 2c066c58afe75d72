-- What is learnt from the purchases, in versions.
create schema if not exists $statistics;

-- What a rule set says, for the days from valid_from on. A version gives way to any later one that holds from the same
-- day or an earlier one; -infinity is all of history. Where the days are learnt, gaps holds from how many gaps between
-- purchase days, 0 meaning not yet: then the days are those of the marketer's file. A version is never changed.
create table if not exists $statistics.ruleset_version (
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
-- The spend parameters are null where too few customers have spent anything; report says how well it all fits.
create table if not exists $statistics.customer_model (
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

-- The chance of dropping out after a purchase, for who is still there after n repeat purchases, as a few values
-- with weights that sum to 1. With them, SQL gives the purchases to be expected in t days:
-- sum(weight * (1 - ((alpha + age) / (alpha + age + dropout * t)) ^ (r + repeat purchases)) / dropout).
create table if not exists $statistics.outlook_node (
    version integer not null references $statistics.customer_model,
    purchases integer not null check (purchases >= 0),
    node smallint not null,
    dropout double precision not null check (dropout > 0 and dropout < 1),
    weight double precision not null check (weight >= 0),
    primary key (version, purchases, node)
);

-- From which value on a customer has a score; the lowest score, 1, needs none. The newest version counts.
-- Recency is compared as minus the days since the last purchase, so that more is better in each metric.
create table if not exists $statistics.score_cut (
    version integer not null check (version > 0),
    metric text not null check (metric in ('recency', 'frequency', 'monetary')),
    score smallint not null check (score between 2 and 5),
    at_least numeric not null,
    made_for date not null,
    primary key (version, metric, score)
);
