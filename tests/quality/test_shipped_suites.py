"""Every shipped check fails on the fault that it is for, and on nothing less."""

import contextlib
import shutil
from pathlib import Path

import pytest

from lifecycle import quality, settings
from lifecycle.errors import GateFailed
from tests.quality.sound import RUN_DATE, execute, rows, run

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


def run_shipped(url: str, suites: Path, place: str) -> dict[str, str]:
    """Run one shipped suite; return failed check → severity, as stored."""
    gate: quality.Gate = "raw" if place.startswith("raw/") else "marts"
    shutil.copy(settings.EXPECTATIONS / f"{place}.yml", suites / gate)
    with contextlib.suppress(GateFailed):
        run(url, gate)
    failed = "select suite || ' ' || expectation, severity from quality.result where not success and run_date = "
    return dict(rows(url, f"{failed} '{RUN_DATE}'"))


def without(table: str, part: str, share: int) -> str:
    """Take a part of the document from one of so many rows."""
    number = "split_part(id, '/', 2)::integer"
    return f"update raw.{table} set doc = doc - '{part}' where {number} % {share} = 0"


@pytest.mark.parametrize("stream", ["demo/orders", "esp/bounces", "esp/group_suppressions", "esp/messages"])
def test_a_stream_that_was_not_read_for_this_night_is_critical(url: str, suites: Path, stream: str) -> None:
    execute(url, f"update raw.pull set run_date = '2017-12-30' where source || '/' || stream = '{stream}'")
    assert run_shipped(url, suites, "raw/pull") == {f"pull/{stream} stream_was_read": "critical"}


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
            "insert into raw.reject values ('demo', 'orders', 'orders.csv', 7, 'not an amount', '', '2017-12-31')",
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
