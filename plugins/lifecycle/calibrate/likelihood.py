"""The maximum of a likelihood, or an error that says that none was found."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from lifecycle.errors import Stop

Numbers = npt.NDArray[np.float64]
#: Parameters → mean log-likelihood, and its gradient.
Likelihood = Callable[[Numbers], tuple[float, Numbers]]

#: Every parameter lies between these; beyond, it makes no difference that data could show.
LOWEST, HIGHEST = 1e-5, 1e5
#: The largest slope, by a parameter's logarithm, at which a point is taken for the top.
FLAT = 1e-5


def maximum(likelihood: Likelihood, starts: Sequence[Sequence[float]], subject: str) -> Numbers:
    """The parameters, all positive, at which a mean log-likelihood is greatest.

    The starts are tried in turn until one leads to a top. Raises ``Stop`` if none does, naming the ``subject``.
    """
    from scipy.optimize import minimize

    def descent(logarithms: Numbers) -> tuple[float, Numbers]:
        parameters = np.exp(logarithms)
        value, gradient = likelihood(parameters)
        return -value, -gradient * parameters

    bounds = (np.log(LOWEST), np.log(HIGHEST))
    for start in starts:
        result = minimize(
            descent,
            np.log(start),
            jac=True,
            method="L-BFGS-B",
            bounds=[bounds] * len(start),
            options={"maxiter": 1000, "ftol": 1e-15, "gtol": FLAT / 100},
        )
        if _is_top(result.x, result.fun, result.jac, bounds):
            parameters: Numbers = np.exp(result.x)
            return parameters
    message = f"{subject} does not converge on these customers: there are too few of them, or all are alike"
    raise Stop(message)


def _is_top(place: Numbers, value: float, slope: Numbers, bounds: tuple[float, float]) -> bool:
    """Whether nothing is left to gain, but beyond the bounds."""
    inside = np.clip(place - slope, *bounds) - place
    return bool(np.isfinite(value) and np.abs(inside).max() < FLAT)
