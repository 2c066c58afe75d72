"""What customers spend: the Gamma-Gamma model of Fader and Hardie (2013, "The Gamma-Gamma model of monetary value").

What one customer spends varies around that customer's own mean (Gamma(p, ·)), and the means vary among customers
(inverse Gamma(q, gamma)); neither depends on how often they come.
"""

from dataclasses import dataclass

import numpy as np

from lifecycle.calibrate.likelihood import Numbers, maximum

STARTS = ((1.0, 1.0, 1.0), (6.0, 3.0, 1.0), (2.0, 0.2, 0.5), (20.0, 5.0, 5.0))


@dataclass(frozen=True, slots=True)
class Spend:
    """Customers by the number of purchases that had a value and the mean of these values: arrays of equal length."""

    purchases: Numbers
    mean: Numbers


@dataclass(frozen=True, slots=True)
class Parameters:
    """A fitted model; ``gamma`` has the values' unit. ``q`` is above 1: else customers had no mean to speak of."""

    p: float
    q: float
    gamma: float


def fit(spend: Spend) -> Parameters:
    """The parameters of greatest likelihood; ``Stop`` if there are none."""
    unit = float(spend.mean.mean())
    scaled = Spend(spend.purchases, spend.mean / unit)

    def likelihood(values: Numbers) -> tuple[float, Numbers]:
        parameters = Parameters(values[0], 1 + values[1], values[2])
        return float(_log_likelihoods(parameters, scaled).mean()), _slopes(parameters, scaled).mean(axis=1)

    p, q_above_one, gamma = maximum(likelihood, STARTS, "the model of what customers spend").tolist()
    return Parameters(p, 1 + q_above_one, gamma * unit)


def log_likelihood(parameters: Parameters, spend: Spend) -> float:
    """The logarithm of the likelihood of all customers' mean values (equation 1a of the paper)."""
    return float(_log_likelihoods(parameters, spend).sum())


def expected_value(parameters: Parameters, spend: Spend) -> Numbers:
    """What a purchase of each customer is worth (equation 5): the own mean, drawn towards that of all.

    Of a customer without a purchase that had a value it is the mean of all.
    """
    p, q, gamma = parameters.p, parameters.q, parameters.gamma
    return p * (gamma + spend.purchases * spend.mean) / (p * spend.purchases + q - 1)


def _log_likelihoods(parameters: Parameters, spend: Spend) -> Numbers:
    from scipy.special import betaln

    p, q, gamma = parameters.p, parameters.q, parameters.gamma
    count, total = spend.purchases, spend.purchases * spend.mean
    shares = q * np.log(gamma / (gamma + total)) + p * count * np.log(total / (gamma + total))
    each: Numbers = shares - np.log(spend.mean) - betaln(p * count, q)
    return each


def _slopes(parameters: Parameters, spend: Spend) -> Numbers:
    """The derivatives of each log-likelihood by p, q and gamma, a row each."""
    from scipy.special import psi

    p, q, gamma = parameters.p, parameters.q, parameters.gamma
    count, total = spend.purchases, spend.purchases * spend.mean
    by_p = count * (psi(p * count + q) - psi(p * count) + np.log(total / (gamma + total)))
    by_q = psi(p * count + q) - psi(q) + np.log(gamma / (gamma + total))
    by_gamma = q / gamma - (p * count + q) / (gamma + total)
    return np.stack([by_p, by_q, by_gamma])
