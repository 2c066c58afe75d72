"""The demo's data is Complete Journey, faithfully told as a shop and an ESP."""

from pathlib import Path

import pytest

from demo import journey
from demo.document_store import Document, Query
from demo.esp import Esp
from demo.journey import Journey
from demo.journey import data as preparation
from demo.shop import Shop
from lifecycle.testing.clock import END_OF_TIME, parse

EVERYTHING = Query(orderby="id", descending=False)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Journey:
    return journey.load(tmp_path_factory.mktemp("journey"))


@pytest.fixture(scope="module")
def shop(data: Journey) -> Shop:
    return journey.shop(data)


@pytest.fixture(scope="module")
def esp(data: Journey) -> Esp:
    esp = Esp()
    journey.fill(esp, data)
    return esp


def order(shop: Shop, key: int) -> Document:
    document = shop.documents["orders"].find(key, END_OF_TIME)
    assert document is not None
    return document


def test_every_basket_is_an_order_and_every_household_that_is_no_guest_has_an_account(shop: Shop) -> None:
    counts = {name: len(store) for name, store in shop.documents.items()}
    assert counts == {"orders": 155_848, "customers": 2_220, "products": 68_492}


def test_478_orders_are_worth_nothing(data: Journey) -> None:
    totals = [sum(data.cents[a:b]) for a, b in zip(data.line_start[:-1], data.line_start[1:], strict=True)]
    assert totals.count(0) == 478


def test_an_order_adds_up_and_has_utc_and_local_dates(shop: Shop) -> None:
    first = order(shop, 1)
    assert (first["number"], first["date_created_gmt"]) == ("31198570044", "2017-01-01T11:53:26")
    assert first["date_created"] == "2017-01-01T06:53:26"
    assert first["total"] == f"{sum(float(line['total']) for line in first['line_items']):.2f}" == "0.50"
    assert first["customer_id"] == 0
    assert first["billing"]["email"].lower() == "household900@example.com"


def test_order_ids_follow_the_time(data: Journey) -> None:
    assert (data.time[1:] >= data.time[:-1]).all()


def test_every_seventh_household_writes_its_address_in_mixed_case() -> None:
    assert journey.customer(7, 0)["billing"]["email"] == "Household7@Example.com"
    assert journey.customer(7, 0)["email"] == "household7@example.com"
    assert journey.customer(8, 0)["billing"]["email"] == "household8@example.com"


def test_a_customer_is_as_old_as_the_first_basket(shop: Shop, data: Journey) -> None:
    created = data.first_times()[1]
    positions = shop.documents["customers"].select(EVERYTHING, created)
    assert 1 in {shop.documents["customers"].document(int(position))["id"] for position in positions}
    assert shop.documents["customers"].find(1, created - 1) is None


def test_every_targeting_is_a_message_and_a_redemption_a_later_click(esp: Esp) -> None:
    sent = esp.store.value("select count(distinct msg_id) from message")
    clicked = esp.store.value("select count(distinct msg_id) from message where clicks_count > 0")
    assert (sent, clicked) == (6_589, 792)


def test_no_second_holds_more_messages_than_one_page_of_the_activity(esp: Esp) -> None:
    assert esp.store.value("select max(n) from (select count(*) as n from message group by last_event_time)") < 1_000


def test_readers_and_suppressions_are_as_documented(esp: Esp) -> None:
    assert len(esp.members("Newsletter")) == 348
    kinds = esp.store.rows("select kind, count(*) as n from suppression group by kind")
    assert {row["kind"]: row["n"] for row in kinds} == {
        "blocks": 5,
        "bounces": 25,
        "invalid_emails": 10,
        "spam_reports": 5,
        "unsubscribes": 50,
    }
    assert esp.store.value("select count(*) from group_member") == 15


def test_the_last_week_brings_readers_and_removals(esp: Esp) -> None:
    late = int(parse("2017-12-24T00:00:00Z").timestamp())
    assert esp.store.value("select count(*) from contact where created_at >= ?", (late,)) == 15
    assert esp.store.value("select count(distinct kind) from suppression where created >= ?", (late,)) == 5


def test_prepared_data_is_used_again(data: Journey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    preparation._publish(data, tmp_path / f"v{preparation.VERSION}")
    monkeypatch.setattr(preparation, "_prepare", lambda: pytest.fail("prepared again"))
    assert journey.load(tmp_path).basket.tolist() == data.basket.tolist()
