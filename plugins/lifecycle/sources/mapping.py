"""Rows of a shop without an API → documents in our own fields, or rejects that say what would be right.

Nothing here reads anything: files and queries give the rows. A document holds the mapped fields as normalised text
(null where the row has nothing) and, as ``row``, the row as it came.
"""

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from itertools import islice
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from lifecycle.errors import SettingsInvalid
from lifecycle.sources import UNWRITABLE, Document, Page, Pages, Reject, identity, moment
from lifecycle.sources.mapped import FileTable, MappedShop, SqlTable

PAGE_SIZE = 1000
#: What the warehouse keeps as money has at most eleven digits before the point.
MOST_MONEY = Decimal(10**11)
LONGEST_ID = 200
#: A reject keeps so much of its row.
LONGEST_ROW = 10_000
WHITE = "\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u2007\u2009\u200b\u2028\u2029\u202f\u3000\ufeff"
#: English and German.
YES = {"true", "t", "yes", "y", "on", "1", "ja", "j", "wahr"}
NO = {"false", "f", "no", "n", "off", "0", "nein", "falsch"}
#: A byte that could not be decoded, as ``surrogateescape`` leaves it.
UNDECODED = re.compile("[\udc80-\udcff]")


def _number(point: str, other: str) -> re.Pattern[str]:
    """Numbers with this decimal point, and with thousands parted so that nothing else can be meant."""
    plain = rf"[0-9]*[{point}][0-9]+|[0-9]+"
    parted = rf"[0-9]{{1,3}}([ \u00a0\u2009\u202f'\u2019][0-9]{{3}})+([{point}][0-9]+)?"
    twice = rf"[0-9]{{1,3}}([{other}][0-9]{{3}})+[{point}][0-9]+|[0-9]{{1,3}}([{other}][0-9]{{3}}){{2,}}"
    return re.compile(f"[+-]?({plain}|{parted}|{twice})")


#: By the decimal point.
NUMBER = {".": _number(".", ","), ",": _number(",", ".")}
AMBIGUOUS = {".": re.compile("[+-]?[0-9]{1,3},[0-9]{3}"), ",": re.compile(r"[+-]?[0-9]{1,3}\.[0-9]{3}")}

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class TableMapping:
    """How the rows of one stream are read; ``columns`` maps our fields to the columns there."""

    stream: str
    columns: Mapping[str, str]
    zone: ZoneInfo
    decimal: str = "."
    date_format: str | None = None

    def needed(self) -> frozenset[str]:
        """The fields that every row must have."""
        return MappedShop.needed_orders if self.stream == "orders" else MappedShop.needed_customers

    def key_field(self) -> str:
        """The field that tells rows apart."""
        return "order_id" if self.stream == "orders" else "customer_id"

    def key(self, document: Document) -> str:
        """A document's id within its shop."""
        return identity(document, self.key_field())

    def changed_at(self, document: Document) -> datetime | None:
        """When it last changed, or else when it was made."""
        made = document.get("ordered_at" if self.stream == "orders" else "created_at")
        return moment(document.get("updated_at") or made)


def mapping_of(shop: MappedShop, stream: str, table: FileTable | SqlTable) -> TableMapping:
    """The mapping that a shop's table states; raises ``SettingsInvalid`` for a date format that can't be read."""
    zone = ZoneInfo(shop.timezone)
    if isinstance(table, SqlTable):
        return TableMapping(stream, table.columns, zone)
    if table.date_format:
        try:
            datetime.strptime(datetime(2026, 1, 2).strftime(table.date_format), table.date_format)  # noqa: DTZ001, DTZ007
        except ValueError:
            message = f"{stream}.date_format: must be of strptime's letters, such as '%d.%m.%Y %H:%M'"
            raise SettingsInvalid(message) from None
    return TableMapping(stream, table.columns, zone, table.decimal, table.date_format)


def check_columns(columns: Sequence[str], mapping: TableMapping, place: str) -> None:
    """Raise ``SettingsInvalid`` if a mapped column is missing, or a column is there twice."""
    missing = sorted({column for column in mapping.columns.values() if column not in columns})
    if missing:
        problem = f"{mapping.stream}.columns names columns that are not there: {', '.join(missing)}"
        message = f"{place}: {problem}; correct the names, or the delimiter or the encoding"
        raise SettingsInvalid(message)
    twice = sorted({column for column in columns if columns.count(column) > 1})
    if twice:
        message = f"{place}: columns that are there more than once: {', '.join(twice)}; give each a name of its own"
        raise SettingsInvalid(message)


def pages(rows: Iterable[tuple[int, Row] | Reject], mapping: TableMapping, file: str) -> Pages:
    """Pages of documents and rejects, out of rows with their lines; what is not a row comes as a reject already."""
    remaining = iter(rows)
    while batch := list(islice(remaining, PAGE_SIZE)):
        read = [each if isinstance(each, Reject) else _read(file, *each, mapping) for each in batch]
        documents = [each for each in read if not isinstance(each, Reject)]
        yield Page(documents, rejects=[each for each in read if isinstance(each, Reject)])


def _read(file: str, line: int, row: Row, mapping: TableMapping) -> Document | Reject:
    fields, reasons = document(row, mapping)
    return Reject(file, line, "; ".join(reasons), written(row)) if reasons else fields


def document(row: Row, mapping: TableMapping) -> tuple[Document, list[str]]:
    """A row's document, and every reason why the row doesn't fit, none of which quotes a value."""
    fields: Document = {}
    reasons = []
    for field, column in mapping.columns.items():
        value = row.get(column)
        fields[field] = None
        if _is_empty(value):
            if field in mapping.needed():
                reasons.append(f"column {column!r} ({field}): must not be empty")
            continue
        try:
            fields[field] = READERS.get(field, _text)(value, mapping)
        except ValueError as problem:
            reasons.append(f"column {column!r} ({field}): {problem}")
    if not reasons and not (fields.get("email") or fields.get("customer_id")):
        columns = " or ".join(repr(mapping.columns[field]) for field in ("email", "customer_id") if field in fields)
        reasons.append(f"column {columns}: must not be empty; an order needs an e-mail address or a customer")
    return {**fields, "row": _plain(row)}, reasons


def listed(row: Row, mapping: TableMapping) -> Document | None:
    """Of a row only its key; ``None`` if it has none, which makes it a reject of the reading."""
    field = mapping.key_field()
    try:
        value = row.get(mapping.columns[field])
        return None if _is_empty(value) else {field: _identifier(value, mapping)}
    except ValueError:
        return None


def written(row: Row | str) -> str:
    r"""A row as a text that can be stored: JSON, or the text it came as; bytes that are not text as ``\\xe9``."""
    text = row if isinstance(row, str) else json.dumps(_plain(row), ensure_ascii=False)
    text = UNDECODED.sub(lambda byte: f"\\x{ord(byte[0]) - 0xDC00:02x}", text.rstrip("\r\n"))
    cut = text if len(text) <= LONGEST_ROW else f"{text[:LONGEST_ROW]} …"
    return UNWRITABLE.sub("\ufffd", cut)


def _is_empty(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip(WHITE))


def _text(value: object, _: TableMapping | None = None) -> str:
    """A text without white space around it; a number as one writes it, 7.0 as 7."""
    if isinstance(value, str):
        return value.strip(WHITE)
    if isinstance(value, float) and math.isfinite(value):
        return str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, Decimal) and value.is_finite():
        return format(value, "f")
    if isinstance(value, date | UUID) or (isinstance(value, int) and not isinstance(value, bool)):
        return str(value)
    message = "must be a text or a number"
    raise ValueError(message)


def _identifier(value: object, mapping: TableMapping) -> str:
    text = _text(value, mapping)
    if len(text) > LONGEST_ID:
        message = f"must have at most {LONGEST_ID} characters"
        raise ValueError(message)
    return text


def _time(value: object, mapping: TableMapping) -> str:
    """A moment as UTC in ISO's format with Z; without an offset it is in the shop's zone, a day its midnight.

    In the hour that the clock shows twice it is the first; in the hour that it skips, an hour later.
    """
    expected = f"written as {mapping.date_format}" if mapping.date_format else "such as 2026-03-29T14:05:00+02:00"
    try:
        read = _parsed_time(value, mapping.date_format)
        utc = (read if read.tzinfo else read.replace(tzinfo=mapping.zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        message = f"must be a time {expected}"
        raise ValueError(message) from None
    return f"{utc.replace(tzinfo=None).isoformat()}Z"


def _parsed_time(value: object, date_format: str | None) -> datetime:
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime.combine(value, time.min)
    text = _text(value)
    return datetime.strptime(text, date_format) if date_format else datetime.fromisoformat(text)  # noqa: DTZ007


def _money(value: object, mapping: TableMapping) -> str:
    """A plain decimal number; separators of thousands only where nothing else can be meant."""
    example = f"must be a plain number such as 1234{mapping.decimal}50"
    if isinstance(value, str):
        text = value.strip(WHITE)
        if AMBIGUOUS[mapping.decimal].fullmatch(text):
            message = f"{example}; its only separator could stand for thousands or for a decimal point"
            raise ValueError(message)
        if not NUMBER[mapping.decimal].fullmatch(text):
            raise ValueError(example)
        amount = Decimal(re.sub(f"[^0-9{mapping.decimal}+-]", "", text).replace(mapping.decimal, "."))
    elif isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        amount = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    else:
        amount = Decimal("NaN")
    if not amount.is_finite():
        raise ValueError(example)
    if abs(amount) >= MOST_MONEY:
        message = f"must be below {MOST_MONEY:,}"
        raise ValueError(message)
    return format(amount or abs(amount), "f")


def _refund(value: object, mapping: TableMapping) -> str:
    """Some shops write what went back with a minus."""
    return _money(value, mapping).removeprefix("-")


def _currency(value: object, mapping: TableMapping) -> str:
    code = _text(value, mapping).upper()
    if not re.fullmatch("[A-Z]{3}", code):
        message = "must be three letters such as EUR"
        raise ValueError(message)
    return code


def _answer(value: object, mapping: TableMapping) -> str:
    """``true`` or ``false``."""
    word = str(value).lower() if isinstance(value, bool) else _text(value, mapping).lower()
    if word not in YES | NO:
        message = "must be yes or no (true, false, 1, 0, ja, nein)"
        raise ValueError(message)
    return "true" if word in YES else "false"


#: How a field is read, where it is not free text.
READERS: Mapping[str, Callable[[object, TableMapping], str]] = {
    "order_id": _identifier,
    "customer_id": _identifier,
    "product_id": _identifier,
    "ordered_at": _time,
    "created_at": _time,
    "updated_at": _time,
    "total": _money,
    "refunded": _refund,
    "currency": _currency,
    "newsletter": _answer,
    "is_test": _answer,
}


def _plain(value: Any) -> Any:
    """The same as JSON can hold it."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    is_json = value is None or isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value))
    return value if is_json else str(value)
