"""The models are fitted to what the warehouse knows on a day, and stored so that SQL reckons with them."""

from datetime import date
from typing import Any

import numpy as np
import pytest
from psycopg.errors import UniqueViolation

from lifecycle.calibrate import customer_model, purchases
from lifecycle.errors import Stop
from tests.calibrate import cdnow
from tests.calibrate.marts import Marts, day, person

#: What a night reckons for one customer: repeat purchases, and days from the first purchase until now.
OUTLOOK = """
select sum(weight * (1 - ((alpha + %s) / (alpha + %s + dropout * 365)) ^ (r + %s)) / dropout)
from statistics.customer_model join statistics.outlook_node using (version)
where version = %s and purchases = %s
"""


@pytest.fixture
def shop(marts: Marts) -> Marts:
    """CDNOW's customers and all that they bought."""
    bought = cdnow.purchases(cdnow.LAST_DAY)
    marts.bought(
        [(person(int(customer)), "one", on, net) for customer, days in bought.items() for on, net in days.items()]
    )
    return marts


def stored(marts: Marts, version: int) -> dict[str, Any]:
    ((row,),) = marts.rows("select to_jsonb(m) from statistics.customer_model as m where version = %s", version)
    stored_fit: dict[str, Any] = row
    return stored_fit


def test_the_warehouses_customers_give_the_published_model(shop: Marts) -> None:
    version = customer_model.fit(shop.url, cdnow.FITTED_UNTIL)
    stored_fit = stored(shop, version)
    assert (stored_fit["model"], stored_fit["fitted_for"], stored_fit["customers"]) == ("mbg_nbd", "1997-09-30", 2357)
    assert [stored_fit["r"], stored_fit["alpha"] / 7, stored_fit["a"], stored_fit["b"]] == pytest.approx(
        [0.525, 6.183, 0.891, 1.614], abs=6e-4
    )
    assert stored_fit["spend_customers"] > 900
    assert stored_fit["spend_q"] > 1
    assert stored_fit["report"]["akaike"] == pytest.approx(8 - 2 * stored_fit["log_likelihood"])
    assert stored_fit["report"]["largest_outlook_error"] < 1e-6


def test_both_models_can_be_asked_for_and_the_newest_has_the_highest_number(shop: Marts) -> None:
    first = customer_model.fit(shop.url, cdnow.FITTED_UNTIL, "bg_nbd")
    second = customer_model.fit(shop.url, cdnow.FITTED_UNTIL, "mbg_nbd")
    assert [stored(shop, version)["model"] for version in (first, second)] == ["bg_nbd", "mbg_nbd"]
    assert second == first + 1
    assert stored(shop, first)["r"] == pytest.approx(0.243, abs=6e-4)


def test_sql_reckons_with_the_stored_nodes_what_the_closed_form_gives(shop: Marts) -> None:
    version = customer_model.fit(shop.url, cdnow.LAST_DAY)
    row = stored(shop, version)
    fitted = purchases.Parameters(row["model"], row["r"], row["alpha"], row["a"], row["b"])
    assert shop.rows("select min(purchases), max(purchases), count(*) from statistics.outlook_node") == [
        (0, 400, 401 * purchases.NODES)
    ]
    for repeats, age in ((0, 1), (0, 500), (1, 30), (10, 200), (29, 540), (300, 4000)):
        ((by_sql,),) = shop.rows(OUTLOOK, age, age, repeats, version, repeats)
        history = purchases.Histories(*(np.array([value], dtype=float) for value in (repeats, age, age, 1)))
        assert by_sql == pytest.approx(float(purchases.expected_if_alive(fitted, 365, history)[0]), rel=1e-6)


def test_what_was_held_out_is_told_beside_what_was_expected(shop: Marts) -> None:
    stored_fit = stored(shop, customer_model.fit(shop.url, cdnow.LAST_DAY))["report"]["held_out"]
    cut = date(1998, 1, 1)
    assert (stored_fit["until"], stored_fit["days"], stored_fit["customers"]) == ("1998-01-01", 180, 2357)
    bought = cdnow.purchases(cdnow.LAST_DAY)
    assert stored_fit["actual"] == sum(on > cut for days in bought.values() for on in days)
    assert stored_fit["expected"] == pytest.approx(stored_fit["actual"], rel=0.15)
    groups = stored_fit["by_repeats"]
    assert [group["repeats"] for group in groups] == list(range(8))
    for figure in ("customers", "actual"):
        assert sum(group[figure] for group in groups) == stored_fit[figure]


def test_a_short_history_holds_nothing_out(shop: Marts) -> None:
    assert customer_model.held_out(shop.url, date(1997, 12, 1), "mbg_nbd") is None


def test_what_comes_later_is_not_known(shop: Marts) -> None:
    first = customer_model.fit(shop.url, cdnow.FITTED_UNTIL)
    shop.database.execute(b"delete from marts.purchase_days where business_day > '1997-09-30'")
    second = customer_model.fit(shop.url, cdnow.FITTED_UNTIL)
    unlike = {"version", "fitted_at"}
    first_row, second_row = (stored(shop, version) for version in (first, second))
    assert {k: v for k, v in first_row.items() if k not in unlike} == {
        k: v for k, v in second_row.items() if k not in unlike
    }


def test_of_many_customers_always_the_same_are_drawn(shop: Marts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(customer_model, "LARGEST_SAMPLE", 1000)
    first, again = (customer_model.read(shop.url, cdnow.LAST_DAY, cdnow.LAST_DAY) for _ in range(2))
    assert (first.total, len(first.repeats)) == (2357, 1000)
    assert first.repeats.tolist() == again.repeats.tolist()
    assert first.mean_value.tolist() == again.mean_value.tolist()
    report = stored(shop, customer_model.fit(shop.url, cdnow.LAST_DAY))["report"]
    assert (report["customers"], report["sample"]) == (2357, 1000)


def test_too_few_who_came_again_stop_the_fit_and_nothing_is_stored(marts: Marts) -> None:
    for number in range(99):
        marts.buys(number, [0, number + 1])
    marts.buys(1000, [0])
    with pytest.raises(Stop, match="99 of 100 customers bought again up to 2018-02-05; a model needs 100"):
        customer_model.fit(marts.url, day(400))
    assert marts.rows("select count(*) from statistics.customer_model") == [(0,)]


def test_an_empty_shop_stops_the_fit(marts: Marts) -> None:
    with pytest.raises(Stop, match="0 of 0 customers"):
        customer_model.fit(marts.url, day(400))


def test_without_money_there_is_a_model_of_purchases_and_none_of_spending(shop: Marts) -> None:
    shop.database.execute(b"update marts.purchase_days set net = 0")
    stored_fit = stored(shop, customer_model.fit(shop.url, cdnow.FITTED_UNTIL))
    assert (stored_fit["spend_p"], stored_fit["spend_log_likelihood"], stored_fit["spend_customers"]) == (None, None, 0)


def test_a_model_is_stored_whole_or_not_at_all(shop: Marts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(customer_model, "range", lambda *_: [0, 1, 1], raising=False)
    with pytest.raises(UniqueViolation):
        customer_model.fit(shop.url, cdnow.FITTED_UNTIL)
    assert shop.rows("select version from statistics.customer_model") == []


def test_the_shops_of_one_day_make_one_purchase_day_and_only_days_with_money_have_a_value(marts: Marts) -> None:
    marts.buys(1, [0, 10], net=6)
    marts.buys(1, [10], shop="two", net=8)
    marts.buys(1, [20], net=0)
    marts.buys(1, [30], net=-3)
    read = customer_model.read(marts.url, day(25), day(30))
    history = [read.repeats, read.last, read.age, read.later, read.valued_days, read.mean_value]
    assert [float(each[0]) for each in history] == [2, 20, 25, 1, 2, 10]
