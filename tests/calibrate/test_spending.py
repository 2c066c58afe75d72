"""What customers spend: the published answers, and the properties of a mean that is drawn towards that of all."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.calibrate import spending
from lifecycle.calibrate.spending import Parameters, Spend
from tests.calibrate import cdnow

CDNOW = Parameters(6.25, 3.74, 15.44)


def test_the_fit_on_cdnow_is_the_published_one() -> None:
    spend = cdnow.spend()
    assert len(spend.mean) == 946
    fitted = spending.fit(spend)
    assert (fitted.p, fitted.q, fitted.gamma) == pytest.approx((6.25, 3.74, 15.44), abs=6e-3)
    assert spending.log_likelihood(fitted, spend) == pytest.approx(-4055.92, abs=0.01)


def test_the_currency_changes_nothing_but_gamma() -> None:
    spend = cdnow.spend()
    fitted, in_cents = (spending.fit(each) for each in (spend, replace(spend, mean=spend.mean * 100)))
    assert (in_cents.p, in_cents.q, in_cents.gamma / 100) == pytest.approx((fitted.p, fitted.q, fitted.gamma), rel=1e-4)


def test_the_slopes_are_those_of_the_likelihood() -> None:
    spend, near = Spend(np.array([1.0, 3.0, 40.0]), np.array([5.0, 80.0, 33.0])), 1e-6
    slopes = spending._slopes(CDNOW, spend)
    for name, slope in zip(("p", "q", "gamma"), slopes, strict=True):
        above, below = (replace(CDNOW, **{name: getattr(CDNOW, name) + by}) for by in (near, -near))
        risen = spending._log_likelihoods(above, spend) - spending._log_likelihoods(below, spend)
        assert slope == pytest.approx(risen / (2 * near), rel=1e-5)


def test_nobody_known_is_expected_to_spend_what_all_do() -> None:
    (expected,) = spending.expected_value(CDNOW, Spend(np.zeros(1), np.zeros(1)))
    assert expected == pytest.approx(6.25 * 15.44 / 2.74)


@given(mean=st.floats(0.01, 10_000), purchases=st.integers(1, 1000))
def test_an_expectation_lies_between_ones_own_mean_and_that_of_all_and_nears_ones_own(
    mean: float, purchases: int
) -> None:
    few, more = spending.expected_value(CDNOW, Spend(np.array([purchases, purchases + 1.0]), np.array([mean, mean])))
    of_all = 6.25 * 15.44 / 2.74
    assert min(mean, of_all) * (1 - 1e-9) <= few <= max(mean, of_all) * (1 + 1e-9)
    assert abs(more - mean) <= abs(few - mean) + 1e-9 * mean
