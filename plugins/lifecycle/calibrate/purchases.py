"""How often customers come, and when they stay away for good: the BG/NBD and the MBG/NBD model.

While somebody is a customer, purchases come at random at a rate of their own (Gamma(r, alpha) among customers); after a
purchase they drop out with a chance of their own (Beta(a, b)). In the BG/NBD model (Fader, Hardie and Lee, 2005,
"Counting your customers the easy way") that begins with the first repeat purchase, so nobody who bought once is ever
gone; in the MBG/NBD model (Batislam, Denizel and Filiztekin, 2007; Hoppe and Wagner, 2007) with the very first one.

A customer is described by ``repeats``, the purchases after the first, ``last``, the time from the first to the last
one, and ``age``, the time from the first purchase until now; x, t_x and T in the papers. Any unit of time will do.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from lifecycle.calibrate.likelihood import Numbers, maximum

Model = Literal["mbg_nbd", "bg_nbd"]
NODES = 16
#: Nobody drops out less often than this; a smaller chance changes nothing but loses digits.
LEAST_DROPOUT = 1e-9
STARTS = ((0.5, 0.5, 0.5, 1.0), (1.0, 0.1, 0.1, 1.0), (0.2, 1.0, 2.0, 5.0), (5.0, 1.0, 1.0, 10.0))


@dataclass(frozen=True, slots=True)
class Histories:
    """Customers, those of the same history together: four arrays of equal length, ``customers`` counts them."""

    repeats: Numbers
    last: Numbers
    age: Numbers
    customers: Numbers


@dataclass(frozen=True, slots=True)
class Parameters:
    """A fitted model; ``alpha`` has the histories' unit of time."""

    model: Model
    r: float
    alpha: float
    a: float
    b: float

    def dropouts(self, repeats: Numbers) -> Numbers:
        """How often a customer had a chance of dropping out."""
        return repeats + (1 if self.model == "mbg_nbd" else 0)


def fit(model: Model, histories: Histories) -> Parameters:
    """The parameters of greatest likelihood; ``Stop`` if there are none."""
    unit = float(np.average(histories.age, weights=histories.customers)) or 1.0
    scaled = Histories(histories.repeats, histories.last / unit, histories.age / unit, histories.customers)

    def likelihood(values: Numbers) -> tuple[float, Numbers]:
        parameters = Parameters(model, *values)
        each, slopes = _log_likelihoods(parameters, scaled), _slopes(parameters, scaled)
        weights = scaled.customers / scaled.customers.sum()
        return float(each @ weights), slopes @ weights

    r, alpha, a, b = maximum(likelihood, STARTS, f"the model {model}").tolist()
    return Parameters(model, r, alpha * unit, a, b)


def log_likelihood(parameters: Parameters, histories: Histories) -> float:
    """The logarithm of the likelihood of all customers' histories (BG/NBD: equation 6; MBG/NBD: its counterpart)."""
    return float(_log_likelihoods(parameters, histories) @ histories.customers)


def probability_alive(parameters: Parameters, histories: Histories) -> Numbers:
    """The chance that each customer has not dropped out."""
    from scipy.special import expit

    alive: Numbers = expit(-_log_odds_gone(parameters, histories))
    return alive


def expected_purchases(parameters: Parameters, time: float, histories: Histories) -> Numbers:
    """How many purchases each customer will make within ``time`` from now."""
    return probability_alive(parameters, histories) * expected_if_alive(parameters, time, histories)


def expected_if_alive(parameters: Parameters, time: float, histories: Histories) -> Numbers:
    """How many purchases each customer will make within ``time`` from now, if they have not dropped out.

    With z = time / (alpha + age + time), n the chances of dropping out, and Euler's transformation of the published
    form, whose factors would overflow: (a+b+n-1) / (a-1) · (1 - (1-z)^(a-1) · 2F1(a-1, a+b+n-1-r-x; a+b+n-1; z)).
    If all drop out by much the same chance, a is so large that these do as well; there, nodes are as good as exact.
    """
    from scipy.special import hyp2f1

    a, near = parameters.a, 1e-4
    if abs(a - 1) < near:  # the quotient of zeros at a = 1 is as smooth as its surroundings
        edges = (replace(parameters, a=edge) for edge in (1 - 2 * near, 1 + 2 * near))
        below, above = (expected_if_alive(each, time, histories) for each in edges)
        return below + (above - below) * (a - 1 + 2 * near) / (4 * near)
    total = a + parameters.b + parameters.dropouts(histories.repeats) - 1
    z = time / (parameters.alpha + histories.age + time)
    with np.errstate(all="ignore"):
        series = hyp2f1(a - 1, total - parameters.r - histories.repeats, total, z)
        expected: Numbers = total / (a - 1) * (1 - (1 - z) ** (a - 1) * series)
    known = np.isfinite(expected)
    return expected if known.all() else np.where(known, expected, expected_by_nodes(parameters, time, histories))


def outlook_nodes(parameters: Parameters, repeats: int) -> tuple[Numbers, Numbers]:
    """The chance of dropping out of who has not yet, after n repeats, as values and weights that sum to 1.

    Gauss and Jacobi's points for the density Beta(a, b + n), from the eigenvalues of its polynomials' recurrence (Golub
    and Welsch, 1969). With them, SQL has ``expected_if_alive`` without special functions:
    sum(weight · (1 - ((alpha+age) / (alpha+age + value·time))^(r+repeats)) / value).
    """
    from scipy.linalg import eigh_tridiagonal

    low = parameters.a - 1
    high = parameters.b + float(parameters.dropouts(np.array(repeats))) - 1
    order = np.arange(1, NODES, dtype=float)
    step = 2 * order + low + high
    first = (low - high) / (low + high + 2)
    middle = np.concatenate([[first], (low - high) * (low + high) / (step * (step + 2))])
    # the last factor of both, order + low + high over step - 1, is 1 in the first place, where it may be 0 over 0
    quotient = np.concatenate([[1.0], (order[1:] + low + high) / (step[1:] - 1)])
    beside = np.sqrt(4 * order * (order + low) * (order + high) * quotient / (step**2 * (step + 1)))
    places, vectors = eigh_tridiagonal(middle, beside)
    return np.maximum((1 + places) / 2, LEAST_DROPOUT), vectors[0] ** 2


def expected_by_nodes(parameters: Parameters, time: float, histories: Histories) -> Numbers:
    """``expected_if_alive`` as SQL computes it."""
    expected = np.empty_like(histories.age)
    for repeats in np.unique(histories.repeats):
        dropouts, weights = outlook_nodes(parameters, int(repeats))
        here = histories.repeats == repeats
        known = (parameters.alpha + histories.age[here])[:, None]
        none = (known / (known + dropouts * time)) ** (parameters.r + repeats)
        expected[here] = ((1 - none) / dropouts) @ weights
    return expected


def _log_odds_gone(parameters: Parameters, histories: Histories) -> Numbers:
    """The logarithm of the odds that each customer has dropped out, at the last purchase."""
    ages = np.log(parameters.alpha + histories.age) - np.log(parameters.alpha + histories.last)
    dropouts = parameters.dropouts(histories.repeats)
    at_last = parameters.b + np.maximum(dropouts, 1) - 1
    odds = np.log(parameters.a) - np.log(at_last) + (parameters.r + histories.repeats) * ages
    return np.where(dropouts > 0, odds, -np.inf)


def _log_likelihoods(parameters: Parameters, histories: Histories) -> Numbers:
    from scipy.special import betaln, gammaln

    r, alpha, a, b = parameters.r, parameters.alpha, parameters.a, parameters.b
    purchases = gammaln(r + histories.repeats) - gammaln(r) + r * np.log(alpha)
    survived = betaln(a, b + parameters.dropouts(histories.repeats)) - betaln(a, b)
    quiet = (r + histories.repeats) * np.log(alpha + histories.age)
    each: Numbers = purchases + survived - quiet + np.logaddexp(0, _log_odds_gone(parameters, histories))
    return each


def _slopes(parameters: Parameters, histories: Histories) -> Numbers:
    """The derivatives of each log-likelihood by r, alpha, a and b, a row each."""
    from scipy.special import psi

    r, alpha, a, b = parameters.r, parameters.alpha, parameters.a, parameters.b
    repeats, dropouts = histories.repeats, parameters.dropouts(histories.repeats)
    age, last = alpha + histories.age, alpha + histories.last
    gone = 1 - probability_alive(parameters, histories)
    by_r = psi(r + repeats) - psi(r) + np.log(alpha / age) + gone * np.log(age / last)
    by_alpha = r / alpha - (r + repeats) * ((1 - gone) / age + gone / last)
    together = psi(a + b) - psi(a + b + dropouts)
    by_a = together + gone / a
    by_b = together + psi(b + dropouts) - psi(b) - gone / (b + np.maximum(dropouts, 1) - 1)
    return np.stack([by_r, by_alpha, by_a, by_b])
