"""Rows out of a file of CSV, JSON lines or Parquet, one after the other, with the line at which each begins.

What is not a row comes as a reject; a whole file that doesn't fit raises ``SettingsInvalid``.
"""

import codecs
import csv
import io
import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from lifecycle.errors import SettingsInvalid
from lifecycle.sources import Reject
from lifecycle.sources.mapped import FileTable
from lifecycle.sources.mapping import PAGE_SIZE, UNDECODED, Row, TableMapping, check_columns, written

if TYPE_CHECKING:
    import pyarrow as pa

#: Characters. Whatever has longer lines is not a text file.
LONGEST_LINE = 1 << 24

Rows = Iterator[tuple[int, Row] | Reject]
log = logging.getLogger(__name__)


def _lines(file: Any, encoding: str, name: str) -> Iterator[str]:
    """A text's lines with their ends; a byte that can't be decoded comes as half of a surrogate pair."""
    try:
        encoding = "utf-8-sig" if codecs.lookup(encoding).name == "utf-8" else encoding
        text = io.TextIOWrapper(file, encoding, errors="surrogateescape", newline="")
    except LookupError:
        message = f"{name}: its 'encoding' is none that is known; give one such as utf-8 or cp1252"
        raise SettingsInvalid(message) from None
    while line := text.readline(LONGEST_LINE):
        if len(line) == LONGEST_LINE:
            message = f"{name}: a line of {LONGEST_LINE:,} characters or more: is it a text file?"
            raise SettingsInvalid(message)
        yield line


class _Lines:
    """Lines for a CSV reader: those of the row at hand are kept, and can be put back except for the first."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.coming = iter(lines)
        self.returned: list[str] = []
        self.row: list[str] = []
        self.number = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self.returned.pop() if self.returned else next(self.coming)
        self.row.append(line)
        self.number += 1
        return line

    def give_back(self) -> str:
        """The row's first line; what was taken for its other lines comes again."""
        first, *others = self.row
        self.returned += reversed(others)
        self.number -= len(others)
        return first


def _csv_rows(file: Any, table: FileTable, mapping: TableMapping, name: str) -> Rows:
    """Rows with the lines at which they begin; lines of empty fields alone are none."""
    lines = _Lines(_lines(file, table.encoding, name))
    new_reader = partial(csv.reader, lines, delimiter=table.delimiter, strict=True)
    reader = new_reader()
    header = _csv_header(reader, mapping, name)
    while header:
        lines.row, begin = [], lines.number + 1
        try:
            fields = next(reader, None)
        except csv.Error:
            reason = "its quotation marks don't pair, or a field is too long"
            yield Reject(name, begin, reason, written(lines.give_back()))
            reader = new_reader()
            continue
        if fields is None:
            return
        if any(fields):
            text = "".join(lines.row)
            reason = _csv_reason(fields, header, text, table.encoding)
            yield (
                Reject(name, begin, reason, written(text))
                if reason
                else (begin, dict(zip(header, fields, strict=True)))
            )


def _csv_header(reader: Iterator[list[str]], mapping: TableMapping, name: str) -> list[str]:
    """The names of the columns, the nameless numbered; none for a file without a line."""
    try:
        first = next(reader, [])
    except csv.Error:
        message = f"{name}: its first line is not a header of columns; correct the delimiter or the encoding"
        raise SettingsInvalid(message) from None
    header = [column.strip() or f"column {number}" for number, column in enumerate(first, 1)]
    if header:
        check_columns(header, mapping, name)
    return header


def _csv_reason(fields: list[str], header: list[str], text: str, encoding: str) -> str:
    """Why the fields are not a row; empty if they are one."""
    if len(fields) != len(header):
        return f"has {len(fields)} fields, the header {len(header)}"
    if not text.isascii() and UNDECODED.search(text):
        return f"is not encoded as {encoding}"
    return "is the header again" if [field.strip() for field in fields] == header else ""


def _json_rows(file: Any, table: FileTable, mapping: TableMapping, name: str) -> Rows:
    """Rows with their lines; an optional column may be left out, but one of those that are needed must occur."""
    seen: set[str] = set()
    for number, line in enumerate(_lines(file, table.encoding, name), 1):
        if not line.strip():
            continue
        row = None if UNDECODED.search(line) else _json_object(line)
        if row is None:
            reason = f"must be one whole JSON object, encoded as {table.encoding}"
            yield Reject(name, number, reason, written(line))
        else:
            seen |= row.keys()
            yield number, row
    needed = {mapping.columns[field] for field in mapping.needed()}
    never = {*mapping.columns.values()} - seen if seen else set()
    check_columns(sorted({*mapping.columns.values()} - (never & needed)), mapping, name)
    if never:
        log.warning("%s: no row has %s", name, ", ".join(sorted(never)))


def _json_object(line: str) -> dict[str, Any] | None:
    def refuse(_: str) -> None:
        raise ValueError

    try:
        row = json.loads(line, parse_constant=refuse)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) else None


def _parquet_rows(file: Any, _: FileTable, mapping: TableMapping, name: str) -> Rows:
    """Rows with their numbers, a batch at a time."""
    from pyarrow import parquet

    columns = parquet.ParquetFile(file)
    check_columns(columns.schema_arrow.names, mapping, name)
    number = 0
    for batch in columns.iter_batches(batch_size=PAGE_SIZE):
        for row in _in_microseconds(batch).to_pylist():
            number += 1
            yield number, row


def _in_microseconds(batch: "pa.RecordBatch") -> "pa.RecordBatch":
    """The same rows; Python's times have no nanoseconds."""
    import pyarrow as pa

    for position, column in enumerate(batch.schema):
        if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
            kind = pa.timestamp("us", column.type.tz)
            batch = batch.set_column(position, column.name, batch.column(position).cast(kind, safe=False))
    return batch


READERS: Mapping[str, Callable[[Any, FileTable, TableMapping, str], Rows]] = {
    "csv": _csv_rows,
    "jsonl": _json_rows,
    "parquet": _parquet_rows,
}
