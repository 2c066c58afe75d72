"""How often customers come: the published answers, and forms of our own against the definitions."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import hyp2f1
from scipy.stats import beta

from lifecycle.calibrate import purchases
from lifecycle.calibrate.purchases import Histories, Model, Parameters
from tests.calibrate import cdnow

MODELS: tuple[Model, ...] = ("mbg_nbd", "bg_nbd")
#: What the authors found on CDNOW, here in days.
CDNOW = {
    "mbg_nbd": Parameters("mbg_nbd", 0.525, 6.183 * 7, 0.891, 1.614),
    "bg_nbd": Parameters("bg_nbd", 0.243, 4.414 * 7, 0.793, 2.426),
}
YEAR = 365


def customers(*observed: tuple[float, float, float]) -> Histories:
    repeats, last, age = np.array(observed, dtype=float).T
    return Histories(repeats, last, age, np.ones_like(repeats))


def grid() -> Histories:
    """Every number of repeats with every age that has room for them; of these, the newest are the hardest."""
    observed = [
        (repeats, age, age)
        for repeats in (0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 300)
        for age in (1, 2, 5, 10, 20, 50, 100, 200, 365, 1000, 4000)
        if repeats <= age
    ]
    return customers(*observed)


@pytest.mark.parametrize(
    ("model", "published", "likelihood"),
    [
        ("bg_nbd", (0.243, 4.414, 0.793, 2.426), -9582.4),
        ("mbg_nbd", (0.525, 6.183, 0.891, 1.614), -9582.1),
    ],
)
def test_the_fit_on_cdnow_is_the_published_one(model: Model, published: tuple[float, ...], likelihood: float) -> None:
    histories = cdnow.histories()
    assert histories.customers.sum() == 2357
    estimate = purchases.fit(model, histories)
    assert (estimate.r, estimate.alpha, estimate.a, estimate.b) == pytest.approx(published, abs=6e-4)
    assert purchases.log_likelihood(estimate, histories) == pytest.approx(likelihood, abs=0.05)


def test_the_unit_of_time_changes_nothing_but_alpha() -> None:
    weeks = cdnow.histories()
    days = replace(weeks, last=weeks.last * 7, age=weeks.age * 7)
    in_weeks, in_days = (purchases.fit("mbg_nbd", histories) for histories in (weeks, days))
    assert (in_days.r, in_days.alpha / 7, in_days.a) == pytest.approx(
        (in_weeks.r, in_weeks.alpha, in_weeks.a), rel=1e-4
    )


def test_the_published_example_of_what_to_expect_of_a_customer() -> None:
    fitted = Parameters("bg_nbd", 0.243, 4.414, 0.793, 2.426)
    (expected,) = purchases.expected_purchases(fitted, 39, customers((2, 30.43, 38.86)))
    assert expected == pytest.approx(1.226, abs=5e-4)


def test_in_the_bg_model_nobody_who_bought_once_is_gone_and_in_the_mbg_model_they_may_be() -> None:
    once = customers((0, 0, 100), (0, 0, 1000))
    assert purchases.probability_alive(CDNOW["bg_nbd"], once).tolist() == [1, 1]
    soon, late = purchases.probability_alive(CDNOW["mbg_nbd"], once)
    assert 1 > soon > late > 0


def test_the_longer_the_silence_the_less_alive() -> None:
    silent = customers(*[(5, 100, age) for age in (100, 150, 300, 1000, 100_000)])
    alive = purchases.probability_alive(CDNOW["mbg_nbd"], silent)
    assert all(np.diff(alive) < 0)
    assert alive[0] > 0.8
    assert alive[-1] < 1e-6


@pytest.mark.parametrize("model", MODELS)
def test_the_slopes_are_those_of_the_likelihood(model: Model) -> None:
    histories, near = customers((0, 0, 3), (1, 2, 9), (4, 7, 7), (30, 80, 90)), 1e-6
    around = Parameters(model, 0.7, 5.0, 0.6, 1.9)
    slopes = purchases._slopes(around, histories)
    for name, slope in zip(("r", "alpha", "a", "b"), slopes, strict=True):
        above, below = (replace(around, **{name: getattr(around, name) + by}) for by in (near, -near))
        risen = purchases._log_likelihoods(above, histories) - purchases._log_likelihoods(below, histories)
        assert slope == pytest.approx(risen / (2 * near), rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("observed", [(0, 0, 50), (1, 10, 20), (7, 90, 365)])
def test_the_closed_form_is_the_mean_over_the_chances_of_dropping_out(
    model: Model, observed: tuple[float, float, float]
) -> None:
    fitted, (repeats, _, age) = CDNOW[model], observed
    density = beta(fitted.a, fitted.b + fitted.dropouts(np.array(repeats)))

    def expected(dropout: float) -> float:
        none: float = ((fitted.alpha + age) / (fitted.alpha + age + dropout * YEAR)) ** (fitted.r + repeats)
        return float(density.pdf(dropout)) * (1 - none) / dropout

    exact, _ = quad(expected, 0, 1, limit=500)
    assert purchases.expected_if_alive(fitted, YEAR, customers(observed)) == pytest.approx([exact], rel=1e-6)


def test_the_closed_form_is_the_published_one_where_that_can_be_reckoned() -> None:
    fitted, t = CDNOW["bg_nbd"], YEAR
    histories = customers((0, 0, 50), (1, 10, 20), (7, 90, 365), (20, 300, 365))
    r, alpha, a, b, x = fitted.r, fitted.alpha, fitted.a, fitted.b, histories.repeats
    known = alpha + histories.age
    series = hyp2f1(r + x, b + x, a + b + x - 1, t / (known + t))
    published = (a + b + x - 1) / (a - 1) * (1 - (known / (known + t)) ** (r + x) * series)
    assert purchases.expected_if_alive(fitted, t, histories) == pytest.approx(published, rel=1e-9)


def test_the_closed_form_passes_smoothly_through_its_gap() -> None:
    observed = customers((3, 40, 60))
    below, middle, above = (
        float(purchases.expected_if_alive(replace(CDNOW["mbg_nbd"], a=a), YEAR, observed)[0])
        for a in (0.999, 1.0, 1.001)
    )
    assert middle == pytest.approx((below + above) / 2, rel=1e-5)


@pytest.mark.parametrize("size", [50.0, 700.0, 90_000.0])
def test_the_closed_form_holds_where_all_drop_out_alike(size: float) -> None:
    alike, observed = Parameters("mbg_nbd", 0.5, 40.0, size, 2 * size), customers((3, 40, 60), (1, 1, 1))
    one_in_three, known = 1 / 3, 40 + observed.age
    limit = (1 - (known / (known + YEAR * one_in_three)) ** (0.5 + observed.repeats)) / one_in_three
    assert purchases.expected_if_alive(alike, YEAR, observed) == pytest.approx(limit, rel=5 / size)


@pytest.mark.parametrize("model", MODELS)
def test_the_nodes_give_what_the_closed_form_gives(model: Model) -> None:
    exact = purchases.expected_if_alive(CDNOW[model], YEAR, grid())
    assert purchases.expected_by_nodes(CDNOW[model], YEAR, grid()) == pytest.approx(exact, rel=1e-6)


@settings(max_examples=50)
@given(
    model=st.sampled_from(MODELS),
    a=st.floats(0.001, 50),
    b=st.floats(0.01, 1000),
    repeats=st.integers(0, 400),
)
def test_the_nodes_are_chances_whose_mean_and_variance_are_the_densitys(
    model: Model, a: float, b: float, repeats: int
) -> None:
    fitted = Parameters(model, 1, 1, a, b)
    dropouts, weights = purchases.outlook_nodes(fitted, repeats)
    assert len(dropouts) == purchases.NODES
    assert all((dropouts > 0) & (dropouts < 1) & (weights >= 0))
    assert weights.sum() == pytest.approx(1, rel=1e-9)
    density = beta(a, b + fitted.dropouts(np.array(repeats)))
    assert weights @ dropouts == pytest.approx(density.mean(), rel=1e-6, abs=1e-8)
    assert weights @ dropouts**2 == pytest.approx(density.mean() ** 2 + density.var(), rel=1e-6, abs=1e-8)


@settings(max_examples=50)
@given(
    model=st.sampled_from(MODELS),
    observed=st.lists(st.tuples(st.integers(0, 50), st.integers(0, 500), st.integers(0, 500)), min_size=1, max_size=5),
    a=st.floats(0.05, 20),
    r=st.floats(0.05, 20),
)
def test_chances_are_chances_and_nobody_is_expected_to_come_less_than_never(
    model: Model, observed: list[tuple[int, int, int]], a: float, r: float
) -> None:
    histories = customers(*[(x, silent * (x > 0), silent + age) for x, silent, age in observed])
    fitted = Parameters(model, r, 30.0, a, 2.0)
    alive = purchases.probability_alive(fitted, histories)
    assert all((alive >= 0) & (alive <= 1))
    month, year = (purchases.expected_purchases(fitted, time, histories) for time in (30, YEAR))
    assert all((month >= 0) & (month <= year + 1e-9))


@pytest.mark.parametrize("model", MODELS)
def test_a_fit_finds_what_made_the_data(model: Model) -> None:
    made = Parameters(model, 0.8, 40.0, 0.7, 2.5)
    estimate = purchases.fit(model, lived(made, 8_000))
    for name in ("r", "alpha", "a", "b"):
        assert getattr(estimate, name) == pytest.approx(getattr(made, name), rel=0.2)


def lived(made: Parameters, count: int) -> Histories:
    """Customers who came within three years, drawn by the model's own story."""
    dice = np.random.default_rng(7)
    observed = []
    for age in dice.integers(200, 1000, count):
        rate, dropout = dice.gamma(made.r, 1 / made.alpha), dice.beta(made.a, made.b)
        repeats, last, now = 0, 0.0, 0.0
        gone = made.model == "mbg_nbd" and dice.random() < dropout
        while not gone:
            now += dice.exponential(1 / rate)
            if now > age:
                break
            repeats, last, gone = repeats + 1, now, dice.random() < dropout
        observed.append((repeats, last, age))
    return customers(*observed)
