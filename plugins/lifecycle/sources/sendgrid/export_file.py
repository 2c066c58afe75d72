"""The rows of an exported file, read as they come: JSON lines, a JSON list, or CSV with a header; packed or plain.

SendGrid's own JSON is a line for each contact (sendgrid/sendgrid-csharp#1024).
"""

import codecs
import csv
import gzip
import io
import json
import re
import zlib
from collections.abc import Iterator
from typing import BinaryIO, cast

from lifecycle.errors import AnswerUnreadable
from lifecycle.sources import Document
from lifecycle.web import parsed

PACKED = b"\x1f\x8b"
CHUNK = 1 << 16
SPACE = re.compile(r"\s*")


def rows(file: BinaryIO) -> Iterator[Document]:
    """Every row; memory holds one, and a chunk of the text around it.

    Raises ``AnswerUnreadable`` where the file is damaged or cut short, which may be after its first rows.
    """
    try:
        text = _unpacked(file)
        kind = text.peek(CHUNK).lstrip()[:1]
        if kind == b"[":
            yield from _list_items(io.TextIOWrapper(text, encoding="utf-8", newline=""))
        elif kind == b"{":
            yield from (parsed(line) for line in text if line.strip())
        elif kind:
            yield from _csv_rows(io.TextIOWrapper(text, encoding="utf-8", newline=""))
    except (ValueError, OSError, EOFError, zlib.error, csv.Error):
        message = "the contact export is not a whole file of JSON or CSV"
        raise AnswerUnreadable(message) from None


def _unpacked(file: BinaryIO) -> "io.BufferedReader[io.RawIOBase]":
    """The file's text from its start, without the mark that says it is UTF-8."""
    file.seek(0)
    is_packed = file.read(len(PACKED)) == PACKED
    file.seek(0)
    source = gzip.GzipFile(fileobj=file) if is_packed else file
    text = io.BufferedReader(cast("io.RawIOBase", source), CHUNK)
    if text.peek(CHUNK).startswith(codecs.BOM_UTF8):
        text.read(len(codecs.BOM_UTF8))
    return text


def _list_items(text: io.TextIOWrapper) -> Iterator[Document]:
    """The items of one JSON list; each is decoded once the sign behind it is there."""
    decode, buffer, place, sign = json.JSONDecoder().raw_decode, text.read(CHUNK).lstrip()[1:].lstrip(), 0, ","
    if buffer.startswith("]"):
        place, sign = 1, "]"
    while sign == ",":
        try:
            item, end = decode(buffer, _after_space(buffer, place))
            end = _after_space(buffer, end)
            sign = buffer[end]
        except (ValueError, IndexError):
            more = text.read(CHUNK)
            if not more:
                message = "the list has no end"
                raise ValueError(message) from None
            buffer, place = buffer[place:] + more, 0
            continue
        yield item
        place = end + 1
    if sign != "]" or (buffer[place:] + text.read()).strip():
        message = "the list ends otherwise than a list does"
        raise ValueError(message)


def _after_space(text: str, place: int) -> int:
    space = SPACE.match(text, place)
    return space.end() if space else place


def _csv_rows(text: io.TextIOWrapper) -> Iterator[Document]:
    records = csv.DictReader(text)
    if "contact_id" not in {name.lower() for name in records.fieldnames or ()}:
        message = "no header of an export"
        raise ValueError(message)
    yield from records
