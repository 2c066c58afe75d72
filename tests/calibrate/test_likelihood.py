"""A maximum is found, or an error says that there is none."""

import numpy as np
import pytest

from lifecycle.calibrate.likelihood import HIGHEST, Numbers, maximum
from lifecycle.errors import Stop


def hill(place: Numbers) -> tuple[float, Numbers]:
    """Highest at 2 and 3."""
    away = np.log(place) - np.log([2.0, 3.0])
    return -float(away @ away), -2 * away / place


def test_the_top_is_found_from_anywhere() -> None:
    for start in ([1.0, 1.0], [1e-3, 1e3]):
        assert maximum(hill, [start], "it") == pytest.approx([2, 3], rel=1e-4)


def test_a_start_from_which_nothing_is_found_is_followed_by_the_next() -> None:
    def cliff(place: Numbers) -> tuple[float, Numbers]:
        value, slopes = hill(place)
        return (value, slopes) if place[0] > 0.5 else (float("nan"), slopes)

    assert maximum(cliff, [[0.1, 1.0], [1.0, 1.0]], "it") == pytest.approx([2, 3], rel=1e-4)


def test_a_rise_without_end_ends_at_the_bound() -> None:
    assert maximum(lambda place: (float(np.log(place[0])), 1 / place), [[1.0]], "it") == pytest.approx([HIGHEST])


@pytest.mark.parametrize(
    ("value", "slope"),
    [(float("nan"), 0.0), (float("inf"), 0.0), (1.0, float("nan")), (1.0, 5.0)],
    ids=["no number", "without bound", "no slope", "a slope that leads nowhere"],
)
def test_where_there_is_no_top_a_person_is_told_what_was_fitted(value: float, slope: float) -> None:
    with pytest.raises(Stop, match="the model x does not converge"):
        maximum(lambda place: (value, np.full_like(place, slope) / place), [[1.0], [2.0]], "the model x")
