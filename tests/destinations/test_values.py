"""A value is written in the type of its field, or not at all."""

import math
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.destinations import values
from lifecycle.settings import FieldType

ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.dates(),
    st.datetimes(timezones=st.just(UTC)),
    st.lists(st.integers(), max_size=2),
)


@pytest.mark.parametrize(
    ("value", "text"),
    [("x" * 1001, "x" * 1000), (12.0, "12"), (-0.5, "-0.5"), (date(2017, 12, 30), "2017-12-30"), (math.inf, None)],
)
def test_a_text_says_most_things(value: object, text: str | None) -> None:
    assert values.text(value) == text


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("1e3", 1000),
        (".5", 0.5),
        ("-7", -7),
        ("1_000", None),
        ("1e999", None),
        ("٣", None),
        ("", None),
        (10**400, None),
        (date(2017, 12, 30), None),
        ({}, None),
    ],
)
def test_a_number_is_finite_and_written_in_digits(value: object, number: float | None) -> None:
    assert values.number(value) == number


@pytest.mark.parametrize(
    ("value", "day"),
    [
        ("2017-02-29", None),
        ("20171230", None),
        ("2017-W52-6", None),
        ("2017-12-30T", None),
        ("30.12.2017", None),
        (datetime(2017, 12, 30, 23, tzinfo=UTC), "2017-12-30"),
        (True, None),
        (1514592000, None),
    ],
)
def test_a_day_is_an_iso_day(value: object, day: str | None) -> None:
    assert values.day(value) == day


@given(st.sampled_from(["Text", "Number", "Date"]), ANYTHING)
def test_what_is_written_is_of_the_type_and_says_the_same_once_more(kind: FieldType, value: object) -> None:
    written = values.in_type(kind, value)
    if written is not None:
        assert isinstance(written, int | float if kind == "Number" else str)
        assert not isinstance(written, bool)
        assert values.in_type(kind, written) == written
        assert kind == "Text" or values.day(written) == written or math.isfinite(float(written))


def test_what_empties_a_field_says_nothing() -> None:
    fields = {"a": 0, "b": "", "c": "1970-01-01", "d": None, "e": 0.0, "f": "0", "g": "new"}
    assert values.without_empty(fields) == {"f": "0", "g": "new"}
