"""A pull lands everything or nothing, and goes on where the last whole one ended."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from demo.shop import Shop
from lifecycle.errors import RetryLater
from lifecycle.testing.cases import RecordingHost, StreamCase, answering, moment
from lifecycle.testing.faults import Fault
from tests.extract.pulls import BOUNCES, NAMED, NEXT_DAY, ORDERS, names, only, pull, raw, rows
from tests.sources.cases import PRIVATE
from tests.sources.vendors import CASES

#: About the reading alone: dlt, which takes a second for the landing, is in the other tests.
quickly = pytest.mark.usefixtures("quick_landing")


@quickly
@pytest.mark.parametrize(
    "case",
    [
        *CASES[:6],
        *(NAMED["sendgrid", stream] for stream in ("group_suppressions", "messages", "single_sends")),
        NAMED["shopify", "orders"],
        NAMED["shopware", "orders"],
    ],
    ids=lambda case: f"{case.kind}-{case.stream}",
)
def test_a_pull_that_fails_leaves_nothing_and_the_next_one_brings_everything(
    url: str, host: RecordingHost, case: StreamCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(case, monkeypatch)
    vendor = case.vendor(25)
    several_calls = case.kind == "woocommerce" or case.take or case.stream == "messages"
    vendor.faults.add(Fault("500", path=case.path, times=None, after=1 if several_calls else 0))
    host.show(vendor.app)
    with pytest.raises(RetryLater, match=rf"^demo, stream {case.stream}, page \d: .* 500") as raised:
        pull(url, host, case)
    assert not [word for word in PRIVATE if word in str(raised.value)]
    assert (raw(url, case), rows(url, "select * from raw.pull")) == ({}, [])
    vendor.faults.clear()
    assert pull(url, host, case) == {case.stream: 25}
    assert len(raw(url, case)) == 25


def test_a_failure_leaves_raw_the_pulls_and_every_other_stream_as_they_were(url: str, host: RecordingHost) -> None:
    shop = ORDERS.vendor(25)
    host.show(shop.app)
    pull(url, host)
    state = [f"select * from raw.woocommerce__{stream} order by id" for stream in names("woocommerce")]
    before = [rows(url, statement) for statement in (*state, "select * from raw.pull order by stream")]
    for case in CASES[:3]:
        for n in range(20, 60):
            case.put(shop, n)
    shop.faults.add(Fault("500", path="/products", times=None, after=2))
    with pytest.raises(RetryLater, match="demo, stream products, page 3"):
        pull(url, host, run_date=NEXT_DAY)
    assert [rows(url, statement) for statement in (*state, "select * from raw.pull order by stream")] == before
    shop.faults.clear()
    assert pull(url, host, run_date=NEXT_DAY) == {"orders": 34, "customers": 40, "products": 40}


def test_a_document_that_did_not_change_keeps_its_moment_of_landing(url: str, host: RecordingHost) -> None:
    shop = ORDERS.vendor(3)
    host.show(shop.app)
    pull(url, host)
    landed = "select id, loaded_at from raw.woocommerce__orders"
    before = dict(rows(url, landed))
    shop.put_order({"id": 2, "status": "refunded", "date_modified_gmt": "2017-12-20T00:00:00"})
    assert pull(url, host, run_date=NEXT_DAY)["orders"] == 1
    after = dict(rows(url, landed))
    assert {key for key in after if after[key] != before[key]} == {"demo/2"}
    assert after["demo/2"] > before["demo/2"]


@quickly
def test_a_refund_that_does_not_date_its_order_is_found_in_recent_orders(url: str, host: RecordingHost) -> None:
    shop = ORDERS.vendor(100)
    host.show(shop.app)
    pull(url, host)
    old, recent = (f"{moment(n):%Y-%m-%dT%H:%M:%S}" for n in (1, 50))
    for number, made in ((1, old), (50, recent)):
        dates = {"date_created_gmt": made, "date_modified_gmt": made}
        shop.put_order({"id": number, "status": "completed", "refunds": [{"id": 1, "total": "-1.00"}], **dates})
    # the first is older than every hour of the overlap but one day, the second is not
    assert pull(url, host, run_date=NEXT_DAY)["orders"] == 2
    assert not [call for call in host.calls_to("/orders") if "page=11" in call.split("modified_after")[0]]


@quickly
def test_a_pull_goes_on_from_the_latest_change_less_the_overlap(url: str, host: RecordingHost) -> None:
    shop = ORDERS.vendor(25)
    for case in CASES[1:3]:
        case.put(shop, 1)
    host.show(shop.app)
    pull(url, host)
    assert not host.calls_to("modified_after")
    host.show(shop.app)
    pull(url, host, run_date=NEXT_DAY)
    assert host.calls_to("/orders.*modified_after=2017-12-10T01%3A00%3A00")  # a day before the 25th hour
    assert host.calls_to("/orders.*[?]after=2017-12-04T01%3A00%3A00")  # seven days before
    assert host.calls_to("/products.*modified_after=2017-12-09T01%3A00%3A00")
    assert host.calls_to("/customers")
    assert not host.calls_to("/customers.*modified_after")
    cursors = "select stream, count(*), count(distinct cursor_at) from raw.pull group by 1"
    assert set(rows(url, cursors)) == {("orders", 2, 1), ("products", 2, 1), ("customers", 2, 0)}


@quickly
def test_suppressions_are_read_again_from_two_days_before_the_latest(
    url: str, host: RecordingHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(BOUNCES, monkeypatch)
    esp = BOUNCES.vendor(25)
    host.show(esp.app)
    pull(url, host, BOUNCES)
    host.show(esp.app)
    pull(url, host, BOUNCES, NEXT_DAY)
    latest = datetime(2017, 12, 11, 1, tzinfo=UTC) - timedelta(days=2)
    assert host.calls_to(f"start_time={int(latest.timestamp())}")


@quickly
def test_a_change_that_is_dated_in_the_future_does_not_move_the_cursor_there(url: str, host: RecordingHost) -> None:
    shop = ORDERS.vendor()
    shop.put_order({"id": 1, "date_modified_gmt": "2999-01-01T00:00:00"})
    host.show(shop.app)
    pull(url, host)
    assert rows(url, "select cursor_at = started_at from raw.pull where stream = 'orders'") == [(True,)]


@quickly
def test_dates_that_no_calendar_knows_are_no_changes(url: str, host: RecordingHost) -> None:
    shop = Shop()
    moments = ["0000-00-00T00:00:00", "soon", "", None, 20171231, "0001-01-01T00:00:00+14:00"]
    documents = [{"id": n, "date_modified_gmt": moment} for n, moment in enumerate(moments, 1)]
    host.show(answering(shop.app, "/orders", json.dumps(documents).encode()))
    assert pull(url, host)["orders"] == 6
    assert rows(url, "select cursor_at from raw.woocommerce__orders where cursor_at is not null") == []
