"""A warehouse in which everything is as it should be, and what the gates say about it."""

from datetime import date
from typing import Any

import psycopg

from lifecycle import quality, settings
from tests.databases import with_every_stream

RUN_DATE = date(2017, 12, 31)
SETTINGS = settings.parse(
    {
        "timezone": "America/New_York",
        "currency": "USD",
        "shops": {
            "demo": {
                "kind": "woocommerce",
                "connection": "woocommerce_demo",
                "timezone": "America/New_York",
                "currency": "USD",
            }
        },
        "esp": {"kind": "sendgrid", "connection": "sendgrid_default"},
        "stages": {
            "rulesets": {
                "everybody": {"at_risk": {"after_days": 21}, "lapsed": {"after_days": 42}, "lost": {"after_days": 90}}
            }
        },
        "audiences": {
            "prospects": {"list": "Prospects", "stages": ["prospect"]},
            "at_risk": {"list": "At risk", "stages": ["at_risk"], "holdout_share": 0.1},
        },
    }
)

SOUND_RAW = """
insert into raw.pull (source, stream, run_date, started_at, finished_at, pages, documents, changed)
select source, stream, '2017-12-31', '2018-01-01 08:30Z', '2018-01-01 08:31Z', 1, 200, 200
from (values
    ('demo', 'orders'), ('demo', 'customers'), ('demo', 'products'), ('esp', 'contacts'),
    ('esp', 'list_members'), ('esp', 'bounces'), ('esp', 'blocks'), ('esp', 'spam_reports'),
    ('esp', 'unsubscribes'), ('esp', 'invalid_emails'), ('esp', 'group_suppressions'), ('esp', 'messages'),
    ('esp', 'events'), ('esp', 'single_sends'), ('esp', 'single_send_stats'), ('esp', 'automation_stats'),
    ('esp', 'unsubscribe_groups')
) as pulls (source, stream);

insert into raw.woocommerce__orders
select 'demo/' || n, 'demo', moment at time zone 'UTC', doc, '2018-01-01 08:30Z', false
from
    generate_series(1, 200) as n
    cross join lateral (select timestamp '2018-01-01 04:30' - interval '1 day' * (n % 10)) as moments (moment)
    cross join lateral (
        select jsonb_build_object(
            'id', n, 'date_created_gmt', to_char(moment, 'YYYY-MM-DD"T"HH24:MI:SS'), 'status', 'completed',
            'billing', jsonb_build_object('email', 'p' || n || '@example.com')
        )
    ) as docs (doc);

insert into raw.woocommerce__customers
select 'demo/' || n, 'demo', null, doc, '2018-01-01 08:30Z', false
from
    generate_series(1, 200) as n
    cross join lateral (select jsonb_build_object('id', n, 'email', n || '@example.com')) as docs (doc);

insert into raw.sendgrid__contacts
select 'esp/' || n, 'esp', null, doc, '2018-01-01 08:30Z', false
from
    generate_series(1, 200) as n
    cross join lateral (select jsonb_build_object('email', 'p' || n || '@example.com')) as docs (doc);

insert into raw.sendgrid__bounces
select 'esp/' || n, 'esp', null, doc, '2018-01-01 08:30Z', false
from
    generate_series(1, 200) as n
    cross join lateral (select jsonb_build_object('email', 'gone' || n || '@example.com')) as docs (doc);
"""

# 600 prospects and 600 who bought once, five weeks before the run date
SOUND_MARTS = """
create schema marts;

create table marts.persons as
select
    md5(n::text)::uuid as person_id,
    'p' || n || '@example.com' as email,
    date '2017-11-26' as entry,
    case when n <= 600 then array['prospect'] else array['new', 'at_risk', 'lapsed', 'lost'] end as stages,
    case when n = 1 then 'refused' else 'granted' end as consent_state
from generate_series(1, 1200) as n;

create table marts.stage_intervals as
select
    person_id,
    stage,
    entry + (array[0, 21, 42, 90])[position] as valid_from,
    entry + (array[0, 21, 42, 90])[position + 1] as valid_to
from marts.persons cross join unnest(stages) with ordinality as lived (stage, position);
update marts.stage_intervals set valid_to = null where stage = 'prospect';

create table marts.stage_daily as
select
    ruleset,
    day::date as day,
    stage,
    (
        select count(*) from marts.stage_intervals as intervals
        where
            intervals.stage = stages.stage
            and valid_from <= day
            and (valid_to is null or valid_to > day)
            and ruleset = 'everybody'
    ) as persons
from
    generate_series(date '2017-12-15', date '2017-12-31', interval '1 day') as day
    cross join unnest(array['companies', 'everybody']) as rulesets (ruleset)
    cross join unnest(array['prospect', 'new', 'active', 'at_risk', 'lapsed', 'lost']) as stages (stage);

create table marts.customers as
select
    person_id,
    stage,
    date '2017-12-31' as as_of,
    (stage <> 'prospect')::integer as orders,
    case when stage <> 'prospect' then 12.50 end as average_order_value
from marts.stage_intervals
where valid_from <= '2017-12-31' and (valid_to is null or valid_to > '2017-12-31');

create table marts.purchase_days as select person_id, orders from marts.customers where orders > 0;
create table marts.unassigned_orders (order_id text);

create table marts.audience_members as
select
    case when stage = 'prospect' then 'prospects' else 'at_risk' end as audience,
    person_id,
    email,
    stage = 'at_risk' and row_number() over (partition by stage order by person_id) % 10 = 0 as is_holdout
from marts.persons inner join marts.customers using (person_id)
where consent_state = 'granted';
"""


def sound(url: str) -> None:
    with_every_stream(url)
    execute(url, SOUND_RAW, SOUND_MARTS)


def execute(url: str, *statements: str) -> None:
    with psycopg.connect(url) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def rows(url: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(query.encode()).fetchall()


def run(url: str, gate: quality.Gate) -> dict[str, int]:
    return quality.run(url, gate, RUN_DATE, SETTINGS)
