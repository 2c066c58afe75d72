"""The scores' cut points give, on their own day, the fifths of the buyers; ties stay together."""

from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lifecycle.calibrate import scores
from lifecycle.errors import Stop
from tests.calibrate.marts import Marts, day

TODAY = day(400)
BUYER = st.tuples(st.sets(st.integers(0, 400), min_size=1, max_size=6), st.integers(-3, 30))


def cuts(marts: Marts, version: int) -> dict[str, list[float]]:
    rows = marts.rows(
        "select metric, array_agg(at_least::float order by score) from statistics.score_cut"
        " where version = %s group by metric",
        version,
    )
    return dict(rows)


def test_five_buyers_have_the_five_scores(marts: Marts) -> None:
    for number in range(1, 6):
        marts.buys(number, range(400 - 50 * number, 400, 50), net=number)
    version = scores.freeze(marts.url, TODAY)
    assert cuts(marts, version) == {
        "recency": [-50, -50, -50, -50],
        "frequency": [2, 3, 4, 5],
        "monetary": [4, 9, 16, 25],
    }


def test_each_time_there_is_a_new_version_for_its_date(marts: Marts) -> None:
    marts.buys(1, [0])
    assert [scores.freeze(marts.url, on) for on in (day(1), TODAY, TODAY)] == [1, 2, 3]
    assert marts.rows("select version, made_for, count(*) from statistics.score_cut group by 1, 2 order by 1") == [
        (1, day(1), 12),
        (2, TODAY, 12),
        (3, TODAY, 12),
    ]


def test_purchases_after_the_date_are_not_known(marts: Marts) -> None:
    marts.buys(1, [0, 10])
    before = scores.freeze(marts.url, day(20))
    marts.buys(1, [21], net=1000)
    marts.buys(2, [22])
    assert cuts(marts, scores.freeze(marts.url, day(20))) == cuts(marts, before)


def test_the_shops_of_one_day_make_one_purchase_day(marts: Marts) -> None:
    marts.buys(1, [0])
    marts.buys(1, [0], shop="two")
    assert cuts(marts, scores.freeze(marts.url, TODAY))["frequency"] == [1] * 4


def test_without_a_buyer_there_is_nothing_to_score(marts: Marts) -> None:
    with pytest.raises(Stop, match="nobody has bought anything up to 2018-02-05"):
        scores.freeze(marts.url, TODAY)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(buyers=st.lists(BUYER, min_size=1, max_size=15))
def test_on_its_own_day_a_score_is_the_fifth_that_a_buyer_is_in(
    marts: Marts, buyers: list[tuple[set[int], int]]
) -> None:
    marts.begin()
    for number, (days, net) in enumerate(buyers):
        marts.buys(number, days, net=net)
    frozen_cuts = cuts(marts, scores.freeze(marts.url, TODAY))
    values = {
        "recency": [max(days) - 400 for days, _ in buyers],
        "frequency": [len(days) for days, _ in buyers],
        "monetary": [len(days) * net for days, net in buyers],
    }
    for metric, each in values.items():
        for value in each:
            fifth = -(-5 * sum(other <= value for other in each) // len(each))
            assert 1 + sum(value >= cut for cut in frozen_cuts[metric]) == fifth


def test_the_date_is_the_days_of_recency(marts: Marts) -> None:
    marts.buys(1, [0])
    assert cuts(marts, scores.freeze(marts.url, date(2017, 1, 31)))["recency"] == [-30] * 4
