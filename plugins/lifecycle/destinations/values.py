"""Values in the type that a provider's field declares: a function per type, ``None`` for what the type can't say.

A field that a person no longer has is emptied by ``EMPTY``, a value of its own type: a provider may refuse null for one
field and with it the whole request (sendgrid/docs#6323). Read back, such a value is the same as none.
"""

import logging
import math
import re
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from lifecycle.settings import FieldType

LONGEST_TEXT = 1000
#: From here on a float skips whole numbers.
WHOLE_BELOW = 2**53
EMPTY: Mapping[FieldType, str | int] = {"Text": "", "Number": 0, "Date": "1970-01-01"}
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def text(value: object, longest: int = LONGEST_TEXT) -> str | None:
    """A text, a yes or no, a number or a day as a text of at most ``longest`` characters."""
    match value:
        case str():
            return value[:longest]
        case bool():
            return "yes" if value else "no"
        case int() | float():
            whole = number(value)
            return None if whole is None else str(whole)[:longest]
        case date():
            return value.isoformat()[:longest]
        case _:
            return None


def number(value: object) -> int | float | None:
    """A finite number, also one that is written as a text; a whole number without a fraction."""
    match value:
        case bool():
            return int(value)
        case int() | float() if abs(value) <= sys.float_info.max:
            figure = float(value)
        case str() if _NUMBER.fullmatch(value.strip()):
            figure = float(value)
        case _:
            return None
    if not math.isfinite(figure):
        return None
    return int(figure) if figure.is_integer() and abs(figure) < WHOLE_BELOW else figure


def day(value: object) -> str | None:
    """The day of an ISO day or moment, as its own time zone has it."""
    if isinstance(value, date):
        return value.isoformat()[:10]
    return _day(value) if isinstance(value, str) else None


@lru_cache(maxsize=10_000)
def _day(text: str) -> str | None:
    if not _DAY.match(text):
        return None
    try:
        return datetime.fromisoformat(text).date().isoformat()
    except ValueError:
        return None


IN_TYPE: Mapping[FieldType, Callable[[object], str | int | float | None]] = {
    "Text": text,
    "Number": number,
    "Date": day,
}


def in_type(kind: FieldType, value: object) -> str | int | float | None:
    """A value as a field of a type takes it, ``EMPTY`` where there is none; ``None`` for what it can't say."""
    return EMPTY[kind] if value is None else IN_TYPE[kind](value)


def report(unsaid: Counter[str], log: logging.Logger) -> None:
    """Log once how many values of each field were left out since the last report."""
    if counts := dict(unsaid):
        unsaid.clear()
        log.warning("values that are not sent, because their field's type can't say them: %s", counts)


def without_empty(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that say something: what empties a field, and null, is left out."""
    return {name: value for name, value in fields.items() if value is not None and value not in EMPTY.values()}
