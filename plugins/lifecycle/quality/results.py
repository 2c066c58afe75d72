"""Results of checks, in words: counts and places, never a value of the data."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Severity = Literal["critical", "warning", "info"]

#: What a limit of an expectation means, in words.
THRESHOLDS = {
    "value": "{}",
    "min_value": "at least {}",
    "max_value": "at most {}",
    "mostly": "a share of {} or more",
    "value_set": "one of {}",
}
#: Of a longer list of valid values only the length is shown.
LONGEST_LIST = 4


@dataclass(frozen=True, slots=True)
class Result:
    """One check of one run, as ``quality.result`` has it; no ``threshold``: nothing to compare with."""

    suite: str
    expectation: str
    column_name: str | None
    severity: Severity
    success: bool
    observed: str | None
    threshold: str | None

    @property
    def outcome(self) -> str:
        """``passed``, or how bad it is."""
        return "passed" if self.success else self.severity

    def sentence(self) -> str:
        """What was observed, and what was expected."""
        threshold = f", expected {self.threshold}" if self.threshold else ""
        return f"{self.suite} {self.expectation}: observed {self.observed}{threshold}"


def result_of(
    suite: str,
    expectation: Mapping[str, Any],
    *,
    success: bool,
    problem: str | None,
    observed: str | None = None,
) -> Result:
    """The result of one expectation; one with a ``problem`` couldn't be checked, which is critical."""
    kwargs = expectation.get("kwargs", {})
    return Result(
        suite=suite,
        expectation=expectation["meta"]["name"],
        column_name=kwargs.get("column"),
        severity="critical" if problem else expectation.get("severity", "critical"),
        success=success and not problem,
        observed=problem or observed,
        threshold=_threshold(kwargs),
    )


def observed_in(result: Mapping[str, Any]) -> str | None:
    """A number, or how many of how many are wrong; never a value."""
    value = result.get("observed_value")
    if isinstance(value, int | float):
        return _number(value)
    if "unexpected_count" in result:
        return f"{result['unexpected_count']} of {result['element_count']} unexpected"
    return None


def _threshold(kwargs: Mapping[str, Any]) -> str | None:
    """The limits in words; of a limit that is still a ``$PARAMETER``, the name."""
    limits = {name: kwargs[name] for name in THRESHOLDS if kwargs.get(name) is not None}
    return ", ".join(THRESHOLDS[name].format(_limit(limit)) for name, limit in limits.items()) or None


def _limit(limit: object) -> str:
    if isinstance(limit, Mapping):
        return ", ".join(map(str, limit.values()))
    if isinstance(limit, list):
        return ", ".join(map(_limit, limit)) if len(limit) <= LONGEST_LIST else f"{len(limit)} values"
    return _number(limit) if isinstance(limit, int | float) else str(limit)


def _number(value: float) -> str:
    """At most four decimals, and no exponent, so that SQL can read it back."""
    return str(value).lower() if isinstance(value, bool) else f"{value:.4f}".rstrip("0").rstrip(".")
