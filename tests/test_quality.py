"""The gates: every shipped check passes on sound data and fails on the fault that it is for."""

import contextlib
import json
import logging
import shutil
import traceback
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from lifecycle import quality, settings
from lifecycle.errors import GateFailed, RetryLater, SettingsInvalid
from tests.databases import NewDatabase, with_every_stream

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

PAST_NIGHTS = """
insert into quality.result (run_date, gate, suite, expectation, severity, success, observed)
select date '2017-12-31' - n, '{gate}', '{suite}', '{expectation}', 'critical', true, '{observed}'
from generate_series({first}, {last}) as n
"""
KNOWN_ORDERS = {
    "gate": "raw",
    "suite": "orders_volume/demo",
    "expectation": "known_orders_do_not_vanish",
}
KNOWN_PERSONS = {"gate": "marts", "suite": "persons", "expectation": "persons_do_not_vanish"}


def sound(url: str) -> None:
    with_every_stream(url)
    execute(url, SOUND_RAW, SOUND_MARTS)


@pytest.fixture
def url(new_database: NewDatabase) -> str:
    """A warehouse in which everything is as it should be."""
    return new_database(sound)


@pytest.fixture
def suites(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in the place of the shipped suites."""
    monkeypatch.setattr("lifecycle.quality.suites.EXPECTATIONS", tmp_path)
    for gate in ("raw", "marts"):
        (tmp_path / gate).mkdir()
    return tmp_path


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Callable[[], str]:
    """Everything that was logged, down to debug messages, or printed."""
    caplog.set_level(logging.DEBUG)
    return lambda: "".join([caplog.text, *capfd.readouterr()])


def execute(url: str, *statements: str) -> None:
    with psycopg.connect(url) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def rows(url: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(query.encode()).fetchall()


def run(url: str, gate: quality.Gate) -> dict[str, int]:
    return quality.run(url, gate, RUN_DATE, SETTINGS)


def run_shipped(url: str, suites: Path, place: str) -> dict[str, str]:
    """Run one shipped suite; return failed check → severity, as stored."""
    gate: quality.Gate = "raw" if place.startswith("raw/") else "marts"
    shutil.copy(settings.EXPECTATIONS / f"{place}.yml", suites / gate)
    with contextlib.suppress(GateFailed):
        run(url, gate)
    failed = "select suite || ' ' || expectation, severity from quality.result where not success and run_date = "
    return dict(rows(url, f"{failed} '{RUN_DATE}'"))


def write(suites: Path, query: str, *expectations: dict[str, Any], **meta: str) -> None:
    named = [{**each, "meta": {"name": f"check {number}"}} for number, each in enumerate(expectations)]
    suite = {"name": "own", "meta": {"query": query, **meta}, "expectations": named}
    (suites / "marts" / "own.yml").write_text(yaml.safe_dump(suite))


def at_most(limit: object, severity: str = "critical") -> dict[str, Any]:
    kwargs = {"column": "n", "max_value": limit}
    return {"type": "expect_column_max_to_be_between", "kwargs": kwargs, "severity": severity}


def without(table: str, part: str, share: int) -> str:
    """Take a part of the document from one of so many rows."""
    number = "split_part(id, '/', 2)::integer"
    return f"update raw.{table} set doc = doc - '{part}' where {number} % {share} = 0"


@pytest.mark.parametrize("gate", ["raw", "marts"])
def test_sound_data_passes_every_shipped_check(url: str, gate: quality.Gate) -> None:
    counts = run(url, gate)
    assert counts == {"passed": counts["passed"], "warning": 0, "critical": 0}
    expected = {"raw": 52, "marts": 11}
    assert rows(url, "select count(*), bool_and(success) from quality.result") == [(expected[gate], True)]


@pytest.mark.parametrize("stream", ["demo/orders", "esp/bounces", "esp/group_suppressions", "esp/messages"])
def test_a_stream_that_was_not_read_for_this_night_is_critical(url: str, suites: Path, stream: str) -> None:
    execute(url, f"update raw.pull set run_date = '2017-12-30' where source || '/' || stream = '{stream}'")
    assert run_shipped(url, suites, "raw/pull") == {f"pull/{stream} stream_was_read": "critical"}


def test_message_activity_is_not_missed_where_it_is_switched_off(url: str) -> None:
    execute(url, "delete from raw.pull where stream = 'messages'")
    esp = SETTINGS.esp.model_copy(update={"message_activity": False})
    quality.run(url, "raw", RUN_DATE, SETTINGS.model_copy(update={"esp": esp}))


def test_every_provider_that_is_read_has_a_suite_of_its_own(url: str) -> None:
    both = SETTINGS.model_copy(update={"additional_esps": {"news": SETTINGS.esp}})
    execute(
        url,
        "insert into raw.pull select 'news', stream, run_date, started_at, finished_at, 1, 0, 0, null"
        " from raw.pull where source = 'esp'",
        "insert into raw.sendgrid__contacts select 'news/' || id, 'news', null, doc, loaded_at, false"
        " from raw.sendgrid__contacts",
    )
    with pytest.raises(GateFailed, match="suppressions/news suppressions_are_known"):
        quality.run(url, "raw", RUN_DATE, both)
    refused = (
        """insert into raw.sendgrid__blocks values ('news/1', 'news', null, '{"email": "P7@example.com "}', now())"""
    )
    execute(url, refused)
    quality.run(url, "raw", RUN_DATE, both)
    with pytest.raises(GateFailed, match="audience_members/news nobody_suppressed_is_a_member") as raised:
        quality.run(url, "marts", RUN_DATE, both)
    assert "audience_members/esp" not in str(raised.value)


ORDERS, VOLUME = "woocommerce__orders/demo", "orders_volume/demo"
CONTACTS, SUPPRESSIONS = "sendgrid__contacts/esp", "suppressions/esp"


@pytest.mark.parametrize(
    ("place", "fault", "failed"),
    [
        pytest.param(
            "raw/pull",
            "update raw.pull set started_at = '2018-01-01 04:59Z' where stream = 'orders'",
            {"pull/demo/orders stream_was_read_after_the_day": "warning"},
            id="read-before-midnight",
        ),
        pytest.param(
            "raw/suppressions",
            "truncate raw.sendgrid__bounces",
            {f"{SUPPRESSIONS} suppressions_are_known": "critical"},
            id="no-suppressions",
        ),
        pytest.param(
            "raw/suppressions",
            "update raw.sendgrid__bounces set is_deleted = true",
            {f"{SUPPRESSIONS} suppressions_are_known": "critical"},
            id="all-suppressions-deleted",
        ),
        pytest.param(
            "raw/suppressions",
            without("sendgrid__bounces", "email", 20),
            {
                f"{SUPPRESSIONS} suppressions_have_an_email": "critical",
                f"{SUPPRESSIONS} every_suppression_has_an_email": "warning",
            },
            id="suppressions-of-nobody",
        ),
        pytest.param(
            "raw/sendgrid__contacts",
            without("sendgrid__contacts", "email", 200),
            {f"{CONTACTS} every_contact_has_an_email": "warning"},
            id="one-contact-without-email",
        ),
        pytest.param(
            "raw/sendgrid__contacts",
            without("sendgrid__contacts", "email", 20),
            {
                f"{CONTACTS} contacts_have_an_email": "critical",
                f"{CONTACTS} every_contact_has_an_email": "warning",
            },
            id="many-contacts-without-email",
        ),
        pytest.param(
            "raw/woocommerce__customers",
            without("woocommerce__customers", "id", 20),
            {"woocommerce__customers/demo customers_have_an_id": "critical"},
            id="customers-without-id",
        ),
        pytest.param(
            "raw/woocommerce__customers",
            without("woocommerce__customers", "email", 20),
            {"woocommerce__customers/demo customers_have_an_email": "warning"},
            id="customers-without-email",
        ),
        pytest.param(
            "raw/reject",
            "insert into raw.reject values ('demo', 'orders', 'orders.csv', 7, 'total is no amount', '', '2017-12-31')",
            {"reject every_row_fits": "warning"},
            id="a-row-that-does-not-fit",
        ),
        pytest.param(
            "raw/orders_volume",
            PAST_NIGHTS.format(**KNOWN_ORDERS, first=1, last=7, observed=230),
            {f"{VOLUME} known_orders_do_not_vanish": "critical"},
            id="known-orders-vanish",
        ),
        pytest.param(
            "raw/orders_volume",
            PAST_NIGHTS.format(**KNOWN_ORDERS, first=1, last=7, observed=219),
            {},
            id="a-few-known-orders-fewer",
        ),
        pytest.param(
            "raw/orders_volume",
            PAST_NIGHTS.format(**KNOWN_ORDERS, first=8, last=14, observed=2300),
            {},
            id="known-orders-vanished-long-ago",
        ),
        pytest.param(
            "raw/orders_volume",
            "delete from raw.woocommerce__orders where cursor_at >= '2018-01-01'",
            {f"{VOLUME} new_orders_are_as_many_as_usual": "warning"},
            id="hardly-any-new-order",
        ),
        pytest.param(
            "raw/orders_volume",
            "insert into raw.woocommerce__orders"
            " select id || '-' || n, source, cursor_at, doc, loaded_at, is_deleted"
            " from raw.woocommerce__orders, generate_series(1, 6) as n where cursor_at >= '2018-01-01'",
            {f"{VOLUME} new_orders_are_as_many_as_usual": "warning"},
            id="far-too-many-new-orders",
        ),
        pytest.param(
            "raw/orders_volume",
            "delete from raw.woocommerce__orders where split_part(id, '/', 2)::integer > 70",
            {},
            id="too-few-orders-to-compare",
        ),
        pytest.param(
            "marts/persons",
            PAST_NIGHTS.format(**KNOWN_PERSONS, first=2, last=2, observed=1300),
            {"persons persons_do_not_vanish": "critical"},
            id="persons-vanish",
        ),
        pytest.param(
            "marts/persons",
            PAST_NIGHTS.format(**KNOWN_PERSONS, first=2, last=2, observed=1260),
            {},
            id="a-few-persons-fewer",
        ),
        pytest.param(
            "marts/persons",
            "delete from marts.persons where email = 'p7@example.com'",
            {"persons one_row_in_customers_per_person": "critical"},
            id="customers-who-are-no-persons",
        ),
        pytest.param(
            "marts/persons",
            "delete from marts.customers where stage = 'prospect'",
            {"persons one_row_in_customers_per_person": "critical"},
            id="persons-not-in-customers",
        ),
        pytest.param(
            "marts/persons",
            "insert into marts.customers select * from marts.customers limit 1",
            {"persons one_row_in_customers_per_person": "critical"},
            id="twice-in-customers",
        ),
        pytest.param(
            "marts/persons",
            "update marts.customers set as_of = '2017-12-30'",
            {"persons customers_are_as_of_the_run_date": "critical"},
            id="customers-of-yesterday",
        ),
        pytest.param(
            "marts/stage_daily",
            "delete from marts.stage_daily where day = '2017-12-31'",
            {"stage_daily stages_add_up_to_all_persons": "critical"},
            id="run-date-not-counted",
        ),
        pytest.param(
            "marts/stage_daily",
            "update marts.stage_daily set persons = persons - 1 where stage = 'prospect' and day = '2017-12-31'",
            {"stage_daily stages_add_up_to_all_persons": "critical"},
            id="a-person-in-no-stage",
        ),
        pytest.param(
            "marts/audience_members",
            """update raw.sendgrid__bounces set doc = '{"email": " P7@Example.com\\t"}' where id = 'esp/1'""",
            {"audience_members/esp nobody_suppressed_is_a_member": "critical"},
            id="suppressed-member",
        ),
        pytest.param(
            "marts/audience_members",
            "update marts.persons set consent_state = 'unknown' where email = 'p7@example.com'",
            {"audience_members/esp every_member_consents": "critical"},
            id="member-without-consent",
        ),
        pytest.param(
            "marts/holdout",
            "update marts.audience_members set is_holdout = false",
            {"holdout/at_risk held_out_share_is_as_configured": "warning"},
            id="nobody-held-out",
        ),
        pytest.param(
            "marts/holdout",
            "delete from marts.audience_members where is_holdout or audience = 'prospects'",
            {"holdout/at_risk held_out_share_is_as_configured": "warning"},
            id="the-held-out-are-missing",
        ),
        pytest.param(
            "marts/purchases",
            "delete from marts.purchase_days where person_id = md5('700')::uuid",
            {"purchases customers_hold_all_purchases": "critical"},
            id="purchase-astray",
        ),
        pytest.param(
            "marts/purchases",
            "insert into marts.unassigned_orders select n from generate_series(1, 20) as n",
            {"purchases orders_have_a_person": "warning"},
            id="orders-without-a-person",
        ),
        pytest.param(
            "marts/purchases",
            "update marts.customers set average_order_value = null",
            {"purchases buyers_have_revenue": "warning"},
            id="buyers-without-revenue",
        ),
    ],
)
def test_a_fault_fails_the_check_that_is_for_it(
    url: str, suites: Path, place: str, fault: str, failed: dict[str, str]
) -> None:
    execute(url, fault)
    assert run_shipped(url, suites, place) == failed


@pytest.mark.parametrize(
    ("part", "name"),
    [("id", "an_id"), ("date_created_gmt", "a_date"), ("status", "a_status"), ("billing", "billing")],
)
def test_orders_that_lack_a_key_part_are_critical_from_one_in_a_hundred_on(
    url: str, suites: Path, part: str, name: str
) -> None:
    execute(url, without("woocommerce__orders", part, 200))
    a_few = {f"{ORDERS} every_order_has_{name}": "warning"}
    assert run_shipped(url, suites, "raw/woocommerce__orders") == a_few
    execute(url, without("woocommerce__orders", part, 20))
    many = {f"{ORDERS} orders_have_{name}": "critical"}
    assert run_shipped(url, suites, "raw/woocommerce__orders") == a_few | many


def test_documents_that_landed_long_ago_are_not_looked_at_again(url: str, suites: Path) -> None:
    execute(
        url,
        without("woocommerce__orders", "status", 20),
        "update raw.woocommerce__orders set loaded_at = '2017-11-01' where not doc ? 'status'",
    )
    assert run_shipped(url, suites, "raw/woocommerce__orders") == {}


def test_only_a_critical_failure_stops_the_night(url: str, suites: Path) -> None:
    write(suites, "select 7 as n", at_most(6, "warning"), at_most(8))
    assert run(url, "marts") == {"passed": 1, "warning": 1, "critical": 0}
    write(suites, "select 7 as n", at_most(6, "warning"), at_most(5))
    with pytest.raises(
        GateFailed,
        match=r"gate marts of 2017-12-31: 1 critical.*\nown check 1: observed 7, expected at most 5$",
    ):
        run(url, "marts")


def test_results_are_stored_before_the_night_stops_and_replaced_by_a_repeat(url: str, suites: Path) -> None:
    stored = "select run_date, gate, suite, expectation, column_name, severity, success, observed, threshold"
    write(suites, "select 7.5 as n", at_most(5))
    for _ in range(2):
        with pytest.raises(GateFailed):
            run(url, "marts")
    failed = (RUN_DATE, "marts", "own", "check 0", "n", "critical", False, "7.5", "at most 5")
    assert rows(url, f"{stored} from quality.result") == [failed]
    write(suites, "select 1234567 as n", at_most(2_000_000))
    quality.run(url, "marts", date(2018, 1, 1), SETTINGS)
    passed = (
        date(2018, 1, 1),
        "marts",
        "own",
        "check 0",
        "n",
        "critical",
        True,
        "1234567",
        "at most 2000000",
    )
    assert rows(url, f"{stored} from quality.result order by 1") == [failed, passed]


def test_a_threshold_comes_from_a_query_and_null_means_no_limit(url: str, suites: Path) -> None:
    limits = "select 6 as low, null as none from (values (:run_date)) as nights (night) where night = '2017-12-31'"
    expectations = at_most({"$PARAMETER": "low"}, "warning"), at_most({"$PARAMETER": "none"})
    write(suites, "select 7 as n", *expectations, parameters=limits)
    assert run(url, "marts") == {"passed": 1, "warning": 1, "critical": 0}
    assert rows(url, "select threshold from quality.result order by expectation") == [("at most 6",), (None,)]


LEAK = "select email::date as n from marts.persons"
UNEXPECTED_LEAK = {
    "type": "unexpected_rows_expectation",
    "kwargs": {"unexpected_rows_query": "select * from {batch} where email::date is null"},
    "severity": "warning",
}


@pytest.mark.parametrize(
    ("query", "expectation", "parameters", "error"),
    [
        pytest.param("select nonsense", at_most(5, "warning"), "select 1 as n", "UndefinedColumn", id="query"),
        pytest.param("select 1 as n", at_most(5, "warning"), "select from nowhere", "UndefinedTable", id="parameters"),
        pytest.param(
            "select 1 as n",
            at_most({"$PARAMETER": "unknown"}),
            "select 1 as n",
            "SuiteParameterError",
            id="parameter",
        ),
        pytest.param(
            "select 1 as m",
            at_most(5, "warning"),
            "select 1 as n",
            "InvalidMetricAccessorDomainKwargsKeyError",
            id="column",
        ),
        pytest.param(LEAK, at_most(5, "warning"), "select 1 as n", "InvalidDatetimeFormat", id="data-in-query"),
        pytest.param("select 1 as n", at_most(5, "warning"), LEAK, "InvalidDatetimeFormat", id="data-in-parameters"),
        pytest.param(
            "select email from marts.persons",
            UNEXPECTED_LEAK,
            "select 1 as n",
            "InvalidDatetimeFormat",
            id="data",
        ),
        pytest.param(
            "select 1 as n",
            {"type": "expect_nonsense", "kwargs": {}},
            "select 1 as n",
            "ValueError",
            id="expectation",
        ),
        pytest.param(
            "select 1 as n",
            {"type": "expect_column_max_to_be_between", "kwargs": {"nonsense": 1}},
            "select 1 as n",
            "ValidationError",
            id="arguments",
        ),
    ],
)
def test_a_check_that_cannot_be_made_is_critical_and_quotes_no_data(
    url: str,
    suites: Path,
    told: Callable[[], str],
    query: str,
    expectation: dict[str, Any],
    parameters: str,
    error: str,
) -> None:
    write(suites, query, expectation, parameters=parameters)
    with pytest.raises(GateFailed, match=error) as caught:
        run(url, "marts")
    assert rows(url, "select severity, success, observed from quality.result") == [
        ("critical", False, f"error: {error}")
    ]
    assert "@" not in "".join([*traceback.format_exception(caught.value), told()])


def test_an_address_in_a_result_is_only_counted(url: str, suites: Path, told: Callable[[], str]) -> None:
    in_set = {"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "email", "value_set": ["x"]}}
    common = {"type": "expect_column_most_common_value_to_be_in_set", "kwargs": in_set["kwargs"]}
    unexpected = {
        "type": "unexpected_rows_expectation",
        "kwargs": {"unexpected_rows_query": "select * from {batch}"},
    }
    write(suites, "select email from marts.persons", in_set, common, unexpected)
    with pytest.raises(GateFailed) as caught:
        run(url, "marts")
    stored = rows(url, "select observed from quality.result order by expectation")
    assert stored == [("1200 of 1200 unexpected",), (None,), ("1200",)]
    assert "@" not in f"{caught.value} {told()}"


def test_a_warehouse_that_goes_away_is_no_failed_check(url: str, suites: Path) -> None:
    write(suites, "select pg_terminate_backend(pg_backend_pid())::integer as n", at_most(5))
    with pytest.raises(RetryLater):
        run(url, "marts")
    assert rows(url, "select count(*) from quality.result") == [(0,)]


def test_a_gate_without_suites_is_an_error(url: str, suites: Path) -> None:
    with pytest.raises(SettingsInvalid, match="holds no suite"):
        run(url, "marts")


def test_an_unknown_each_is_an_error_that_lists_the_valid_ones(url: str, suites: Path) -> None:
    write(suites, "select 1 as n", at_most(5), each="woocomerce")
    with pytest.raises(SettingsInvalid, match="valid values: stream, shop, provider, audience, woocommerce"):
        run(url, "marts")


def test_a_suite_without_names_is_an_error_that_says_so(url: str, suites: Path) -> None:
    (suites / "marts" / "own.yml").write_text("{name: own, meta: {query: select 1}, expectations: [{type: x}]}")
    with pytest.raises(SettingsInvalid, match=r"own\.yml: give name.*'meta'"):
        run(url, "marts")


def dbt_result(unique_id: str, status: str, failures: int | None = None) -> dict[str, Any]:
    return {"unique_id": unique_id, "status": status, "failures": failures, "message": "someone@example.com"}


DBT_RESULTS = {
    "results": [
        dbt_result("model.lifecycle.persons", "success"),
        dbt_result("test.lifecycle.unique_persons_email.a1", "pass", 0),
        dbt_result("test.lifecycle.money_is_readable.b2", "warn", 3),
        dbt_result("test.lifecycle.orders_have_dates.c3", "fail", 2),
        dbt_result("test.lifecycle.intervals_meet.d4", "error"),
        dbt_result("test.lifecycle.after_a_failure.e5", "skipped"),
        dbt_result("unit_test.lifecycle.stage_intervals.second_purchase", "pass", 0),
    ]
}
DBT_NODES = {
    "test.lifecycle.unique_persons_email.a1": {
        "attached_node": "model.lifecycle.persons",
        "column_name": "email",
        "config": {"severity": "WARN"},
    }
}


def test_dbt_tests_are_stored_beside_the_gates(url: str, tmp_path: Path) -> None:
    (tmp_path / "run_results.json").write_text(json.dumps(DBT_RESULTS))
    (tmp_path / "manifest.json").write_text(json.dumps({"nodes": DBT_NODES}))
    for _ in range(2):
        counts = quality.store_dbt(url, tmp_path / "run_results.json", RUN_DATE)
    assert counts == {"passed": 2, "warning": 1, "critical": 2}
    stored = "select suite, expectation, column_name, severity, success, observed from quality.result order by 2"
    assert rows(url, stored) == [
        ("lifecycle", "intervals_meet", None, "critical", False, "error"),
        ("lifecycle", "money_is_readable", None, "warning", False, "3 failure(s)"),
        ("lifecycle", "orders_have_dates", None, "critical", False, "2 failure(s)"),
        ("stage_intervals", "second_purchase", None, "critical", True, "0 failure(s)"),
        ("persons", "unique_persons_email", "email", "warning", True, "0 failure(s)"),
    ]


def test_dbt_results_can_be_given_as_read(url: str) -> None:
    assert quality.store_dbt(url, DBT_RESULTS, RUN_DATE) == {"passed": 2, "warning": 1, "critical": 2}
