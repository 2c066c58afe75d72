"""Rule sets get versions: by the file before every night, from the purchases on request; the past stays as it was."""

import math
from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from lifecycle.calibrate import rules
from lifecycle.errors import SettingsInvalid, Stop
from tests.calibrate.marts import Marts, day
from tests.calibrate.marts import rules as file

ALWAYS = "-infinity"
TODAY = day(400)
PURCHASES = st.dictionaries(
    st.integers(1, 8), st.sets(st.integers(0, 400), min_size=1, max_size=8), min_size=1, max_size=8
)
with_marts = hypothesis(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])


def regulars(marts: Marts, people: int = 5, times: int = 11, every: int = 10, **how: Any) -> None:
    """Let people buy at a regular pace, person n every ``every + n`` days."""
    for number in range(people):
        marts.buys(number + 1, [(every + number) * time for time in range(times)], **how)


def test_a_fixed_rule_set_says_what_the_file_says_for_all_of_history(marts: Marts) -> None:
    settings = file(all={"new": {"max_days": 14}})
    assert rules.register_rulesets(marts.url, settings, TODAY) == 1
    assert marts.versions("all") == [(1, "fixed", ALWAYS, [30, 60, 90], 0)]
    assert marts.rows("select new_max_days, at_least_days, made_for from statistics.ruleset_version") == [
        (14, 7, TODAY)
    ]


@pytest.mark.parametrize("kind", ["fixed", "shop", "personal"])
def test_a_rule_set_is_declared_once(marts: Marts, kind: str) -> None:
    settings = file(firms={"customers": "b2b", "credibility_gaps": 3}, all={"kind": kind})
    assert [rules.register_rulesets(marts.url, settings, day(number)) for number in range(3)] == [2, 0, 0]
    assert marts.versions("all") == [(1, kind, ALWAYS, [30, 60, 90], 0)]


@pytest.mark.parametrize(
    "change", [{"at_risk": {"after_days": 20}}, {"new": {"max_days": 9}}, {"at_least_days": 3}, {"kind": "shop"}]
)
def test_a_changed_file_gives_a_new_version_for_all_of_history(marts: Marts, change: dict[str, Any]) -> None:
    rules.register_rulesets(marts.url, file(all={}), TODAY)
    assert rules.register_rulesets(marts.url, file(all=change), TODAY) == 1
    assert [version[2] for version in marts.versions("all")] == [ALWAYS, ALWAYS]
    assert marts.holding("all", day(0)) == (2, change.get("at_risk", {}).get("after_days", 30), 60, 90)


def test_only_the_rule_set_that_changed_gets_a_version_and_one_that_is_gone_stays_in_history(marts: Marts) -> None:
    rules.register_rulesets(marts.url, file(firms={"customers": "b2b"}, all={}), TODAY)
    assert rules.register_rulesets(marts.url, file(all={"lost": {"after_days": 100}}), TODAY) == 1
    assert (len(marts.versions("firms")), len(marts.versions("all"))) == (1, 2)


@pytest.mark.parametrize("kind", ["shop", "personal"])
def test_the_first_learning_holds_for_all_of_history_and_the_next_from_the_day_after(marts: Marts, kind: str) -> None:
    settings = file(all={"kind": kind, "min_gaps": 50})
    regulars(marts)
    assert rules.freeze(marts.url, settings, day(150), ["all"]) == {"all": 50}
    marts.buys(9, range(160, 400, 80))
    assert rules.freeze(marts.url, settings, TODAY) == {"all": 52}
    assert marts.versions("all") == [
        (1, kind, ALWAYS, [30, 60, 90], 0),
        (2, kind, ALWAYS, [14, 15, 16], 50),
        (3, kind, str(day(401)), [14, 15, 62], 52),
    ]
    assert [marts.holding("all", on)[0] for on in (day(0), TODAY, day(401))] == [2, 2, 3]


def test_what_was_learnt_outlasts_other_days_in_the_file_and_not_another_kind(marts: Marts) -> None:
    regulars(marts)
    shop = {"kind": "shop", "min_gaps": 50}
    rules.freeze(marts.url, file(all=shop), TODAY)
    assert rules.register_rulesets(marts.url, file(all=shop | {"lost": {"after_days": 200}}), TODAY) == 0
    steps: Sequence[tuple[dict[str, Any], list[int], int]] = (
        (shop | {"kind": "personal"}, [14, 15, 16], 50),
        (shop | {"kind": "personal", "at_least_days": 10}, [14, 15, 16], 50),
        (shop | {"kind": "personal", "at_least_days": 10, "credibility_gaps": 4}, [14, 15, 16], 50),
        (shop | {"kind": "fixed"}, [30, 60, 90], 50),
        (shop, [30, 60, 90], 0),
    )
    for given_rules, days, gaps in steps:
        assert rules.register_rulesets(marts.url, file(all=given_rules), TODAY) == 1
        assert rules.register_rulesets(marts.url, file(all=given_rules), TODAY) == 0
        assert marts.versions("all")[-1][1:] == (given_rules["kind"], ALWAYS, days, gaps)


def test_a_rule_set_that_was_something_else_in_between_is_learnt_for_the_first_time_again(marts: Marts) -> None:
    regulars(marts)
    shop, fixed = file(all={"kind": "shop", "min_gaps": 50}), file(all={})
    for settings in (shop, fixed, shop):
        rules.freeze(marts.url, settings, TODAY)
    assert marts.versions("all")[-1][2:4] == (ALWAYS, [14, 15, 16])


def test_of_a_fixed_rule_set_the_gaps_are_described_and_the_days_stay(marts: Marts) -> None:
    regulars(marts)
    settings = file(all={"min_gaps": 50})
    assert rules.freeze(marts.url, settings, TODAY) == {"all": 50}
    assert marts.versions("all")[-1] == (2, "fixed", ALWAYS, [30, 60, 90], 50)
    assert marts.rows("select mean_gap_days, credibility_gaps from statistics.ruleset_version where gaps > 0") == [
        (12.0, pytest.approx(1e-6))
    ]
    assert rules.register_rulesets(marts.url, settings, TODAY) == 0
    rules.register_rulesets(marts.url, file(all={"lost": {"after_days": 91}}), TODAY)
    assert marts.versions("all")[-1] == (3, "fixed", ALWAYS, [30, 60, 91], 50)


def test_with_too_few_gaps_nothing_is_learnt_and_it_is_said_of_which_rule_sets(marts: Marts) -> None:
    regulars(marts)
    settings = file(
        first={"kind": "shop", "min_gaps": 51},
        second={"kind": "personal"},
        third={"min_gaps": 50},
        all={"min_gaps": 9999},
    )
    with pytest.raises(Stop, match=r"rule set 'first' has 50 gaps .* needs 51; rule set 'second' has 50 .* needs 200"):
        rules.freeze(marts.url, settings, TODAY)
    assert [marts.versions(name) for name in ("first", "third")] == [[], []]
    assert rules.freeze(marts.url, settings, TODAY, ["third", "all"]) == {"third": 50, "all": 50}
    assert [marts.versions(name)[-1][4] for name in ("first", "second", "third", "all")] == [0, 0, 50, 0]


def test_a_shop_without_a_sale_has_no_gaps(marts: Marts) -> None:
    with pytest.raises(Stop, match="rule set 'all' has 0 gaps between purchase days and needs 200"):
        rules.freeze(marts.url, file(all={"kind": "shop"}), TODAY)
    nobody: list[str] | None
    for nobody in (None, []):
        assert rules.freeze(marts.url, file(all={}), TODAY, nobody) == {"all": 0}


def test_a_rule_set_that_the_file_does_not_have_is_refused(marts: Marts) -> None:
    with pytest.raises(SettingsInvalid, match=r"no rule sets: \['al'\]; valid values: firms, all"):
        rules.freeze(marts.url, file(firms={}, all={}), TODAY, ["all", "al"])


def test_only_the_rule_sets_own_shops_and_customers_are_asked_and_only_up_to_the_date(marts: Marts) -> None:
    marts.buys(1, [0, 10, 20, 401])
    marts.buys(1, [5, 10], shop="two")
    marts.buys(2, [0, 30], account=True)
    asked: dict[str, dict[str, object]] = {
        "here": {"shops": ["one"]},
        "there": {"shops": ["two"]},
        "firms": {"customers": "b2b"},
        "people": {"customers": "b2c"},
        "all": {},
    }
    settings = file(**{name: {"min_gaps": 1, **rule} for name, rule in asked.items()})
    assert rules.freeze(marts.url, settings, TODAY) == {"here": 3, "there": 1, "firms": 1, "people": 3, "all": 4}
    means = dict(marts.rows("select ruleset, mean_gap_days from statistics.ruleset_version where gaps > 0"))
    assert means == pytest.approx({"here": 50 / 3, "there": 5, "firms": 30, "people": 20 / 3, "all": 12.5})


def test_the_files_own_credibility_goes_before_the_estimated_one(marts: Marts) -> None:
    regulars(marts)
    rules.freeze(marts.url, file(all={"kind": "personal", "min_gaps": 50, "credibility_gaps": 2.5}), TODAY)
    assert marts.rows("select credibility_gaps from statistics.ruleset_version order by version") == [(2.5,), (2.5,)]


@pytest.mark.parametrize(
    ("purchases", "credibility"),
    [
        ({1: [0, 10], 2: [0, 30]}, 1e9),
        ({1: [0, 10, 30, 40]}, 1e9),
        ({1: [0, 10, 30], 2: [0, 20, 30]}, 1e9),
        ({1: [0, 10, 20], 2: [0, 30, 60]}, 1e-6),
    ],
    ids=["one gap each", "one person", "alike", "each their own clock"],
)
def test_where_the_credibility_has_no_estimate_it_takes_the_side_that_is_left(
    marts: Marts, purchases: dict[int, list[int]], credibility: float
) -> None:
    for number, days in purchases.items():
        marts.buys(number, days)
    assert measured(marts).credibility == credibility


def measured(marts: Marts, on: date = TODAY) -> rules.Gaps:
    return rules.measure(marts.database, file(all={}).stages.rulesets["all"], on)


def recounted(purchases: dict[int, set[int]]) -> tuple[int, float, float, list[int]]:
    """Gaps, mean, credibility and quantiles, by the book and in another way than SQL's."""
    each = [np.diff(sorted(days)).astype(float) for days in purchases.values() if len(days) > 1]
    gaps, sizes = np.concatenate(each), np.array([len(own) for own in each])
    means = np.array([own.mean() for own in each])
    total, credibility = len(gaps), 1e9
    if total > len(each):
        within = sum(((own - own.mean()) ** 2).sum() for own in each) / (total - len(each))
        rest = (sizes * (means - gaps.mean()) ** 2).sum() - (len(each) - 1) * within
        between = rest / (total - (sizes**2).sum() / total) if len(each) > 1 else 0.0
        credibility = min(max(within / between, 1e-6), 1e9) if between > 0 else 1e9
    quantiles = [math.ceil(round(float(np.quantile(gaps, share)), 6)) for share in (0.8, 0.9, 0.975)]
    return total, float(gaps.mean()), credibility, quantiles


@with_marts
@given(purchases=PURCHASES)
def test_gaps_are_counted_as_by_the_book(marts: Marts, purchases: dict[int, set[int]]) -> None:
    assume(any(len(days) > 1 for days in purchases.values()))
    marts.begin()
    for number, days in purchases.items():
        marts.buys(number, days)
    figures = measured(marts)
    gaps, mean, credibility, quantiles = recounted(purchases)
    assert (figures.gaps, figures.quantiles) == (gaps, quantiles)
    assert figures.mean == pytest.approx(mean)
    assert figures.credibility == pytest.approx(credibility, rel=1e-6)


@given(days=st.lists(st.integers(0, 50), min_size=3, max_size=3).map(sorted))
def test_learnt_days_come_one_after_the_other_and_are_moved_no_further_than_needed(days: list[int]) -> None:
    first, second, third = rules.one_after_the_other(days)
    assert 1 <= first < second < third
    assert all(late >= early for late, early in zip((first, second, third), days, strict=True))
    assert (first, second, third) == (max(days[0], 1), max(days[1], first + 1), max(days[2], second + 1))


@with_marts
@given(purchases=PURCHASES, freezes=st.lists(st.integers(50, 450), min_size=1, max_size=4), added=PURCHASES)
def test_learning_again_changes_no_day_up_to_its_date(
    marts: Marts, purchases: dict[int, set[int]], freezes: list[int], added: dict[int, set[int]]
) -> None:
    marts.begin()
    settings = file(all={"kind": "shop", "min_gaps": 1})
    marts.buys(100, range(0, 50, 7))
    for number, days in purchases.items():
        marts.buys(number, days)
    rules.freeze(marts.url, settings, day(50))
    for number, days in added.items():
        marts.buys(200 + number, days)
    for frozen in freezes:
        until = [day(number) for number in range(0, frozen + 1, 10)] + [day(frozen)]
        before = [marts.holding("all", on) for on in until]
        newest = len(marts.versions("all"))
        rules.freeze(marts.url, settings, day(frozen))
        assert [marts.holding("all", on) for on in until] == before
        assert marts.holding("all", day(frozen + 1))[0] == newest + 1
        assert rules.register_rulesets(marts.url, settings, day(frozen)) == 0


def test_a_purchase_that_comes_later_changes_nothing_that_was_learnt_for_a_date(marts: Marts) -> None:
    regulars(marts)
    before = measured(marts, day(100))
    marts.buys(50, range(101, 400, 3))
    assert measured(marts, day(100)) == before
