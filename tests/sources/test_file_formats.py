"""Text, JSON lines and Parquet: a row that does not fit is quarantined, a file that is none stops the reading."""

import csv
import gzip
import io
import json
from datetime import datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from lifecycle.errors import AnswerUnreadable, SettingsInvalid
from lifecycle.sources.files import rows
from tests.sources.files_folder import COLUMNS, HEADER, Folder, ids, reasons, row


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_csv_is_read_whatever_ends_its_lines_and_marks_its_beginning(folder: Folder, end: str, mark: str) -> None:
    folder.write("a.csv", (mark + HEADER + row(1, "zoë@example.com") + row(2)).replace("\r\n", end))
    documents, rejects = folder.read()
    assert (ids(documents), rejects) == (["1", "2"], [])
    assert documents[0]["email"] == "zoë@example.com"
    assert documents[0]["row"] == {
        "id": "1",
        "at": "2026-03-02T12:00:00Z",
        "total": "12.50",
        "email": "zoë@example.com",
    }


def test_another_delimiter_encoding_decimal_and_format_are_stated(folder: Folder) -> None:
    columns = {"order_id": "Nr", "ordered_at": "Datum", "total": "Betrag", "email": "E-Mail", "first_name": "Größe"}
    text = 'Nr;Datum;Betrag;E-Mail;Größe\n1;02.03.2026;"1.234,50";a@example.com;Jürg €\n'
    folder.write("a.csv", text.encode("cp1252"))
    options: dict[str, Any] = {
        "delimiter": ";",
        "encoding": "cp1252",
        "decimal": ",",
        "date_format": "%d.%m.%Y",
        "columns": columns,
    }
    [document], rejects = folder.read(**options)
    assert rejects == []
    assert [document[field] for field in ("ordered_at", "total", "first_name")] == [
        "2026-03-01T23:00:00Z",
        "1234.50",
        "Jürg €",
    ]
    folder.write("a.csv", text.encode("utf-16"))
    assert folder.read(**{**options, "encoding": "utf-16"})[0] == [document]


def test_a_line_break_inside_quotes_belongs_to_its_field_and_lines_are_counted_from_where_rows_begin(
    folder: Folder,
) -> None:
    folder.write(
        "a.csv", HEADER + '1,2026-03-02,5,"a\r\nb\nc"\r\n' + "2,never,5,x\r\n" + '3,"ne\nver",5,x\r\n' + row(4)
    )
    documents, rejects = folder.read()
    assert (ids(documents), documents[0]["email"]) == (["1", "4"], "a\r\nb\nc")
    assert [(reject.line, reject.file) for reject in rejects] == [
        (place, str(folder.path / "a.csv")) for place in (5, 6)
    ]


def test_too_few_and_too_many_fields_are_put_aside_with_the_line_as_it_stands(folder: Folder) -> None:
    folder.write("a.csv", HEADER + "1,2026-03-02\r\n" + row(2) + "3,2026-03-02,1,a,b\r\n")
    documents, rejects = folder.read()
    assert ids(documents) == ["2"]
    assert reasons(rejects) == [(2, "has 2 fields, the header 4"), (4, "has 5 fields, the header 4")]
    assert rejects[0].row == "1,2026-03-02"


def test_a_row_in_another_encoding_is_put_aside_alone(folder: Folder) -> None:
    folder.write(
        "a.csv", HEADER.encode() + row(1, "zoë").encode() + row(2, "zoë").encode("cp1252") + row(3, "zoë").encode()
    )
    documents, rejects = folder.read()
    assert ids(documents) == ["1", "3"]
    assert reasons(rejects) == [(3, "is not encoded as utf-8")]
    assert rejects[0].row.endswith("zo\\xeb")


def test_a_quotation_mark_that_is_left_open_costs_its_own_line_only(folder: Folder) -> None:
    broken = '1,2026-03-02,5,"open\r\n'
    folder.write("a.csv", HEADER + broken + row(2) + row(3) + '4,2026-03-02,5,"x"y\r\n' + row(5))
    documents, rejects = folder.read()
    assert ids(documents) == ["2", "3", "5"]
    assert [(reject.line, reject.row) for reject in rejects] == [(2, broken.strip()), (5, '4,2026-03-02,5,"x"y')]
    assert {reject.reason for reject in rejects} == {"its quotation marks don't pair, or a field is too long"}


def test_an_open_quotation_mark_before_thousands_of_rows_costs_its_own_line_only(folder: Folder) -> None:
    folder.write("a.csv", HEADER + '0,2026-03-02,5,"open\r\n' + "".join(map(row, range(1, 9000))))
    documents, rejects = folder.read()
    assert ids(documents) == [str(n) for n in range(1, 9000)]
    assert [reject.line for reject in rejects] == [2]


def test_a_header_that_comes_again_is_no_row_and_neither_are_empty_lines(folder: Folder) -> None:
    folder.write("a.csv", HEADER + row(1) + "\r\n,,,\r\n" + HEADER + row(2))
    documents, rejects = folder.read()
    assert ids(documents) == ["1", "2"]
    assert reasons(rejects) == [(5, "is the header again")]


@pytest.mark.parametrize("content", ["", HEADER, HEADER + "\r\n", "\ufeff"])
@pytest.mark.parametrize("packed", [False, True])
def test_a_file_without_rows_is_read_and_gives_none(folder: Folder, content: str, packed: bool) -> None:  # noqa: FBT001
    folder.write("a.csv.gz" if packed else "a.csv", gzip.compress(content.encode()) if packed else content)
    assert folder.read() == ([], [])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (row(1) + row(2), "columns that are not there: at, email, id, total"),
        (HEADER.replace(",", ";") + "1;2;3;4\r\n", "columns that are not there: at, email, id, total"),
        ("id,at,total,total,email\r\n", "more than once: total"),
        ('"id,at', "its first line is not a header"),
    ],
)
def test_a_file_that_does_not_fit_as_a_whole_stops_the_reading_with_the_columns_named(
    folder: Folder, content: str, words: str
) -> None:
    folder.write("a.csv", content)
    with pytest.raises(SettingsInvalid, match=words) as raised:
        folder.read()
    assert "example.com" not in str(raised.value)


def test_json_lines_are_objects_in_which_optional_columns_may_be_left_out(folder: Folder) -> None:
    good = [
        {"id": 1, "at": "2026-03-02", "total": 12.5, "email": "zoë"},
        {"id": 2, "at": "2026-03-02", "total": "1", "email": "a", "more": [1]},
    ]
    bad = ["{", "[]", "7", '{"id": NaN}', "[" * 100_000, '{"id": "zo\udceb"}']
    lines = [json.dumps(good[0]), *bad, "", json.dumps(good[1], ensure_ascii=False)]
    folder.write("a.jsonl", "\r\n".join(lines).encode("utf-8", "surrogateescape"))
    documents, rejects = folder.read(format="jsonl", columns={**COLUMNS, "currency": "cur"})
    assert (ids(documents), [document["row"] for document in documents]) == (["1", "2"], good)
    assert [reject.line for reject in rejects] == [2, 3, 4, 5, 6, 7]
    assert {reject.reason for reject in rejects} == {"must be one whole JSON object, encoded as utf-8"}


def test_json_lines_without_a_column_that_is_needed_do_not_fit(folder: Folder) -> None:
    folder.write("a.jsonl", '{"id": 1, "total": 1, "email": "a"}\n')
    with pytest.raises(SettingsInvalid, match="columns that are not there: at;"):
        folder.read(format="jsonl")


def test_parquet_gives_typed_values_a_batch_at_a_time(folder: Folder) -> None:
    count = 2500
    moments = [datetime(2026, 3, 2, 12, 0, n % 60) for n in range(count)]  # noqa: DTZ001
    table = pa.table(
        {
            "id": pa.array([float(n) for n in range(count)]),
            "at": pa.array(moments, pa.timestamp("ns")),
            "total": pa.array([Decimal("12.50"), *[Decimal("1.00")] * (count - 1)], pa.decimal128(10, 2)),
            "email": pa.array([None, *["a@example.com"] * (count - 1)]),
        }
    )
    parquet.write_table(table, folder.path / "a.parquet")
    folder.write("a.parquet", (folder.path / "a.parquet").read_bytes())
    documents, rejects = folder.read(format="parquet")
    assert ids(documents) == [str(n) for n in range(1, count)]
    assert (documents[0]["ordered_at"], documents[0]["total"]) == ("2026-03-02T11:00:01Z", "1.00")
    assert [reject.line for reject in rejects] == [1]
    assert json.loads(rejects[0].row) == {"id": 0.0, "at": "2026-03-02 12:00:00", "total": "12.50", "email": None}


def test_a_packed_file_is_unpacked_and_one_that_is_cut_is_an_error(folder: Folder) -> None:
    content = gzip.compress((HEADER + "".join(map(row, range(5000)))).encode())
    folder.write("a.csv.gz", content)
    assert len(folder.read()[0]) == 5000
    for damaged in (content[: len(content) // 2], content[:-4], b"id,at", content[:40] + b"\0\0\0\0" + content[44:]):
        folder.write("a.csv.gz", damaged)
        with pytest.raises(AnswerUnreadable, match="is damaged, cut short or of another format"):
            folder.read()


@pytest.mark.parametrize("content", [b"PAR1", b"id,at,total\n", b"\0" * 100])
def test_what_is_no_parquet_is_an_error(folder: Folder, content: bytes) -> None:
    folder.write("a.parquet", content)
    with pytest.raises(AnswerUnreadable, match=r"a\.parquet: is damaged"):
        folder.read(format="parquet")


def test_lines_without_an_end_are_no_text_file(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "LONGEST_LINE", 1000)
    folder.write("a.csv", b"x" * 1000)
    with pytest.raises(SettingsInvalid, match="a line of 1,000 characters or more"):
        folder.read()


@pytest.mark.parametrize("encoding", ["klingon", "base64"])
def test_an_encoding_that_nobody_knows_is_told(folder: Folder, encoding: str) -> None:
    folder.write("a.csv", HEADER)
    with pytest.raises(SettingsInvalid, match="its 'encoding' is none that is known"):
        folder.read(encoding=encoding)


def test_a_file_that_is_no_utf_16_at_all_is_told(folder: Folder) -> None:
    folder.write("a.csv", (HEADER + row(1)).encode("utf-16") + b"\x00\xd8\x00")
    with pytest.raises(SettingsInvalid, match="not encoded as the settings say"):
        folder.read(encoding="utf-16")


def test_what_csv_writes_is_read_as_it_was(folder: Folder) -> None:
    values = ['"', '""', ",", "\n", "a\r\nb", "'", "\\", "\t", "ß\u2028x", "x" * 100_000]
    text = io.StringIO()
    csv.writer(text).writerows(
        [["id", "at", "total", "email"], *(["1", "2026-03-02", "1", f"a{value}b"] for value in values)]
    )
    folder.write("a.csv", text.getvalue())
    documents, rejects = folder.read()
    assert ([document["row"]["email"] for document in documents], rejects) == ([f"a{value}b" for value in values], [])
