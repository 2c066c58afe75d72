-- A row or two in every table of schema_0.1.0.sql, and in one table of documents.
create table raw.woocommerce__orders (
    id text primary key, source text not null, cursor_at timestamptz, doc jsonb not null,
    loaded_at timestamptz not null, is_deleted boolean not null default false
);
create index woocommerce__orders_loaded_at on raw.woocommerce__orders (loaded_at);
insert into raw.woocommerce__orders values ('shop/1', 'shop', now(), '{"id": 1}', now(), false);
insert into raw.pull values ('shop', 'orders', '2017-12-31', now(), now(), 1, 1, 1, now());
insert into raw.part values ('files', 'orders', 'a.csv', 'v1', 2, 1);
insert into raw.reject values ('files', 'orders', 'a.csv', 3, 'no date', '1;;', '2017-12-31');
insert into raw.sweep values ('shop', 'orders', '2017-12-24', '2017-12-24 12:00+00', 4000, 1, 0);
insert into quality.result (run_date, gate, suite, expectation, severity, success)
values ('2017-12-31', 'raw', 'pull/shop/orders', 'stream_was_read', 'critical', true);
insert into delivery.run (run_date, destination, stopped_by, answer, answered_by, answered_at, summary) values
    ('2017-12-30', 'sendgrid', null, null, null, null, '{"stages": {}}'),
    ('2017-12-31', 'sendgrid', 'list "VIP": 9 people would join', 'approved', 'ada', now(), null);
insert into delivery.audience values (2, 'vip', 'VIP', 1, 0, '{"suppressed": 1}', 1, 1, 0, 0);
insert into delivery.plan values
    (2, '00000000-0000-0000-0000-000000000001', 'a@example.com', 'create', '{"a": "1"}', '{"a": "1"}', '{VIP}', '{}');
insert into delivery.decision values
    ('vip', '00000000-0000-0000-0000-000000000001', 'member', null, 'entered', '2017-12-31', null, 2, null),
    ('vip', '00000000-0000-0000-0000-000000000002', 'excluded', 'suppressed', 'entered', '2017-12-31', null, 2, null);
insert into delivery.ledger values
    ('sendgrid', '00000000-0000-0000-0000-000000000001', 'a@example.com', '{"a": "1"}', '{VIP}', true, now(), 2);
insert into delivery.membership values
    ('sendgrid', '00000000-0000-0000-0000-000000000001', 'VIP', '2017-12-31', null, 2, null);
insert into delivery.job (run_id, destination, kind, provider_job, status) values (2, 'sendgrid', 'upsert', 'j', 'completed');
insert into delivery.job_row values (1, 2, '00000000-0000-0000-0000-000000000001');
insert into delivery.reject values
    ('sendgrid', '00000000-0000-0000-0000-000000000003', 'c@example.com', '{}', '{VIP}', 'invalid', 2);
insert into delivery.reconciliation values (2, 'VIP', 1, 1, 0, 0, 0);
insert into delivery.drift values (2, 'VIP', 'extra', null, 'c1', null);
insert into statistics.ruleset_version values
    ('default', 1, 'fixed', '-infinity', 21, 42, 90, null, null, null, 1, 0, '2017-12-31');
insert into statistics.customer_model
    (model, fitted_for, customers, r, alpha, a, b, log_likelihood, spend_customers, report)
values ('mbg_nbd', '2017-12-31', 100, 1, 2, 3, 4, -5, 0, '{}');
insert into statistics.outlook_node values (1, 0, 1, 0.5, 1);
insert into statistics.score_cut values (1, 'recency', 2, -30, '2017-12-31');
insert into access.person_view values (now(), 'ada', '00000000-0000-0000-0000-000000000001');
