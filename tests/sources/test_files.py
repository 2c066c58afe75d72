"""Files are read once and whole; an invalid row is quarantined with its line, an invalid file stops the reading."""

import csv
import gzip
import io
import json
import os
import time
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pytest
from pyarrow import parquet

from lifecycle import extract, warehouse
from lifecycle.errors import AccessDenied, AnswerUnreadable, RetryLater, SettingsInvalid
from lifecycle.settings import Connection
from lifecycle.sources import Reject, Stream, source_kind
from lifecycle.sources.files import FileShop, reader, rows
from lifecycle.sources.mapping import mapping_of, pages
from tests.databases import NewDatabase, with_every_stream

RUN_DATE = date(2026, 3, 31)
COLUMNS = {"order_id": "id", "ordered_at": "at", "total": "total", "email": "email"}
HEADER = "id,at,total,email\r\n"
NOBODY = Connection("files")


def shop(pattern: object, **table: Any) -> FileShop:
    orders = {"files": str(pattern), "format": "csv", "columns": COLUMNS, **table}
    return FileShop.model_validate(
        {
            "kind": "files",
            "timezone": "Europe/Zurich",
            "currency": "CHF",
            "orders": orders,
            "first_business_day": RUN_DATE,
        }
    )


@dataclass
class Folder:
    """A folder of files that were all written some minutes ago, each a little later than the one before."""

    path: Path
    at: float

    def write(self, name: str, content: bytes | str, age: float = 0) -> Path:
        file = self.path / name
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        self.at += 1
        os.utime(file, (self.at - age, self.at - age))
        return file

    def stream(self, pattern: str = "*", **table: Any) -> Stream:
        return source_kind("files").open(shop(self.path / pattern, **table), NOBODY, RUN_DATE)[0]

    def read(self, pattern: str = "*", **table: Any) -> tuple[list[dict[str, Any]], list[Reject]]:
        stream = self.stream(pattern, **table)
        assert stream.parts
        pages = [page for part in stream.parts() for page in part.pages()]
        rejects = [reject for page in pages for reject in page.rejects]  # type: ignore[attr-defined]
        return [document for page in pages for document in page], rejects


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    place = tmp_path / "orders"
    place.mkdir()
    return Folder(place, time.time() - 600)


def row(n: object, email: str = "ada@example.com") -> str:
    return f"{n},2026-03-02T12:00:00Z,12.50,{email}\r\n"


def ids(documents: list[dict[str, Any]]) -> list[str]:
    return [document["order_id"] for document in documents]


def reasons(rejects: list[Reject]) -> list[tuple[int, str]]:
    return [(reject.line, reject.reason) for reject in rejects]


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
    stated: dict[str, Any] = {
        "delimiter": ";",
        "encoding": "cp1252",
        "decimal": ",",
        "date_format": "%d.%m.%Y",
        "columns": columns,
    }
    [document], rejects = folder.read(**stated)
    assert rejects == []
    assert [document[field] for field in ("ordered_at", "total", "first_name")] == [
        "2026-03-01T23:00:00Z",
        "1234.50",
        "Jürg €",
    ]
    folder.write("a.csv", text.encode("utf-16"))
    assert folder.read(**{**stated, "encoding": "utf-16"})[0] == [document]


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


def test_files_come_in_the_order_in_which_they_were_written(folder: Folder) -> None:
    for name, age in (("b.csv", 50), ("a.csv", 20), ("c.csv", 90)):
        folder.write(name, HEADER + row(name), age)
    assert ids(folder.read("*.csv")[0]) == ["c.csv", "b.csv", "a.csv"]


def test_a_pattern_chooses_files_and_never_folders(folder: Folder) -> None:
    folder.write("a.csv", HEADER + row(1))
    folder.write("b.txt", "notes")
    (folder.path / "old.csv").mkdir()
    assert ids(folder.read("*.csv")[0]) == ["1"]
    assert ids(folder.read("a.csv")[0]) == ["1"]
    (folder.path / "old.csv" / "b.csv").write_text(HEADER + row(2))
    os.utime(folder.path / "old.csv" / "b.csv", (1, 1))
    assert ids(folder.read("**/*.csv")[0]) == ["2", "1"]


@pytest.mark.parametrize("pattern", ["*.csv", "a.csv", "there/is/none/*.csv"])
def test_no_file_yet_is_no_error_and_is_said_once(
    folder: Folder, pattern: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert folder.read(pattern) == ([], [])
    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == [
        "orders.files: there is no file yet"
    ]


@pytest.mark.parametrize("age", [-7200, -1, 1, 59])
def test_a_file_that_changed_just_now_is_left_to_the_next_run(
    folder: Folder, age: float, caplog: pytest.LogCaptureFixture
) -> None:
    file = folder.write("a.csv", HEADER + row(1))
    os.utime(file, (time.time() - age, time.time() - age))
    assert len(folder.read()[0]) == (age == -7200)
    assert ("orders.files: 1 changed less than 60 seconds ago: left to the next run" in caplog.text) == (age != -7200)


def test_a_file_that_changes_while_it_is_read_is_read_later(folder: Folder) -> None:
    folder.write("a.csv", HEADER + row(1))
    parts = folder.stream().parts
    assert parts
    [part] = parts()
    reading = part.pages()
    next(reading)
    folder.write("a.csv", HEADER + row(1) + row(2))
    with pytest.raises(RetryLater, match=r"a\.csv: the file changed while it was read"):
        next(reading)


def test_a_version_changes_with_the_contents_and_the_mapping_alone(folder: Folder) -> None:
    def version(**table: Any) -> str:
        parts = folder.stream(**table).parts
        assert parts
        [part] = parts()
        assert part.name == str(folder.path / "a.csv")
        return part.version

    folder.write("a.csv", HEADER + row(1))
    first = version()
    assert version() == first
    assert (
        len({first, version(decimal=","), version(columns={**COLUMNS, "currency": "cur"}), version(encoding="latin-1")})
        == 4
    )
    folder.write("a.csv", HEADER + row(1))
    assert version() != first


def test_a_storage_that_marks_no_change_is_read_every_night(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.write("a.csv", HEADER + row(1))
    monkeypatch.setattr(reader, "MODIFIED", ())
    for night in (RUN_DATE, RUN_DATE + timedelta(days=1)):
        [stream] = source_kind("files").open(shop(folder.path / "*.csv"), NOBODY, night)
        assert stream.parts
        [part] = stream.parts()
        assert part.version.startswith(f"{night} ")
        assert [ids(page) for page in part.pages()] == [["1"]]


@pytest.mark.parametrize(
    ("told", "at"),
    [
        ({"mtime": 1772452800.0}, "2026-03-02T12:00:00+00:00"),
        ({"LastModified": datetime(2026, 3, 2, 12)}, "2026-03-02T12:00:00+00:00"),  # noqa: DTZ001
        ({"Last-Modified": "Mon, 02 Mar 2026 12:00:00 GMT"}, "2026-03-02T12:00:00+00:00"),
        ({"updated": "2026-03-02T12:00:00.000Z"}, "2026-03-02T12:00:00+00:00"),
        ({"updated": "some day"}, ""),
        ({"etag": "abc", "mtime": 1772452800.0}, "abc"),
    ],
)
def test_every_storage_marks_a_change_in_its_own_way(told: dict[str, Any], at: str) -> None:
    assert reader._mark({"size": 3, **told}) == (f"3 {at}" if at else "")


def test_any_storage_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    system = fsspec.filesystem("memory")
    system.pipe("/bucket/a.csv", (HEADER + row(1)).encode())
    monkeypatch.setattr(reader, "SETTLED_AFTER", timedelta(0))
    [stream] = source_kind("files").open(shop("memory://bucket/*.csv"), NOBODY, RUN_DATE)
    assert stream.parts
    assert [ids(page) for part in stream.parts() for page in part.pages()] == [["1"]]
    assert ids(stream.probe()) == ["1"]  # type: ignore[misc,arg-type]
    system.rm("/bucket", recursive=True)


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("s3://bucket/*.csv", r"'s3://' can't be read here: Install s3fs"),
        ("gs://bucket/*.csv", r"'gs://' can't be read here: .*gcsfs"),
        ("nosuch://bucket/*.csv", r"'nosuch://' is not a known kind of storage"),
    ],
)
def test_a_storage_without_its_package_names_it(pattern: str, words: str) -> None:
    with pytest.raises(SettingsInvalid, match=r"^orders\.files: " + words):
        source_kind("files").open(shop(pattern), NOBODY, RUN_DATE)


def test_credentials_become_what_the_storage_calls_them(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[dict[str, Any]] = []

    def url_to_fs(_: str, **options: Any) -> tuple[Any, str]:
        given.append({name: value for name, value in options.items() if "cache" not in name})
        return fsspec.filesystem("memory"), "/x"

    monkeypatch.setattr(reader, "url_to_fs", url_to_fs)
    connection = Connection("c", login="key", password="secret", port=22, host="store.example", extra={"anon": False})
    for pattern in ("s3://b/*", "sftp:///x", "/x/*"):
        source_kind("files").open(shop(pattern), connection, RUN_DATE)
    assert given == [
        {"key": "key", "secret": "secret", "endpoint_url": "store.example", "anon": False},
        {"username": "key", "password": "secret", "host": "store.example", "port": 22, "anon": False},
        {"anon": False},
    ]


class Refusal(Exception):  # noqa: N818 - as some storage's own
    status = 403


@pytest.mark.parametrize(
    ("trouble", "kind"),
    [
        (PermissionError("ada@example.com"), AccessDenied),
        (Refusal("ada@example.com?token=1"), AccessDenied),
        (ConnectionResetError("ada@example.com"), RetryLater),
        (TimeoutError("ada@example.com"), RetryLater),
        (RuntimeError("ada@example.com"), RetryLater),
    ],
)
def test_a_storage_in_trouble_is_told_without_its_words(
    folder: Folder, trouble: Exception, kind: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise trouble

    folder.write("a.csv", HEADER + row(1))
    for method, place in (("open", r"/a\.csv"), ("ls", r"^orders\.files")):
        monkeypatch.setattr(f"fsspec.implementations.local.LocalFileSystem.{method}", fail)
        with pytest.raises(kind, match=place) as raised:
            folder.read()
        assert "example" not in str(raised.value)


def test_an_address_is_shown_without_its_host_and_its_query() -> None:
    shown = reader._shown("https://shop.example/export/orders.csv?token=secret")
    assert shown.startswith("/export/orders.csv (")
    assert not {"secret", "shop.example", "token"} & set(shown.replace("/", " ").replace("?", " ").split())


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


def test_customers_come_only_where_they_are_configured(folder: Folder) -> None:
    about = shop(folder.path / "*.csv")
    assert [stream.name for stream in source_kind("files").open(about, NOBODY, RUN_DATE)] == ["orders"]
    customers = {
        "files": str(folder.path / "c*.csv"),
        "format": "csv",
        "columns": {"customer_id": "id", "created_at": "at"},
    }
    both = FileShop.model_validate({**about.model_dump(), "customers": customers})
    assert [stream.name for stream in source_kind("files").open(both, NOBODY, RUN_DATE)] == ["orders", "customers"]


def test_what_csv_writes_is_read_as_it_was(folder: Folder) -> None:
    values = ['"', '""', ",", "\n", "a\r\nb", "'", "\\", "\t", "ß\u2028x", "x" * 100_000]
    text = io.StringIO()
    csv.writer(text).writerows(
        [["id", "at", "total", "email"], *(["1", "2026-03-02", "1", f"a{value}b"] for value in values)]
    )
    folder.write("a.csv", text.getvalue())
    documents, rejects = folder.read()
    assert ([document["row"]["email"] for document in documents], rejects) == ([f"a{value}b" for value in values], [])


class Made(io.RawIOBase):
    """A file of so many rows, of which every thousandth has no id; it is made while it is read."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.made = self._made()
        self.rest = b""

    def _made(self) -> Iterator[bytes]:
        yield HEADER.encode()
        for n in range(self.count):
            yield row(n if n % 1000 else "").encode()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while len(self.rest) < len(buffer) and (more := next(self.made, b"")):
            self.rest += more
        found, self.rest = self.rest[: len(buffer)], self.rest[len(buffer) :]
        buffer[: len(found)] = found
        return len(found)


def test_memory_does_not_grow_with_the_file() -> None:
    def peak(count: int) -> int:
        about = shop("x")
        mapping = mapping_of(about, "orders", about.orders)
        tracemalloc.start()
        found = rows.READERS["csv"](io.BufferedReader(Made(count)), about.orders, mapping, "x")
        read = sum(len(page) for page in pages(found, mapping, "x"))
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert read == count - -(-count // 1000)
        return highest

    peak(2000)
    assert peak(10_000) < 1.2 * peak(2000)


@pytest.fixture
def url(new_database: NewDatabase) -> str:
    return new_database(with_every_stream)


def looked_up(url: str, statement: str) -> list[tuple[Any, ...]]:
    with warehouse.connect(url) as connection:
        return connection.execute(statement.encode()).fetchall()


def test_a_file_is_landed_once_and_again_when_it_has_changed(url: str, folder: Folder) -> None:
    def night() -> dict[str, int]:
        return extract.run(url, "till", shop(folder.path / "*.csv"), NOBODY, RUN_DATE)

    folder.write("a.csv", HEADER + row(1) + row(2) + "3,never,1,x\r\n")
    assert night() == {"orders": 2}
    parts = "select name, documents, rejected from raw.part order by name"
    assert looked_up(url, parts) == [(str(folder.path / "a.csv"), 2, 1)]
    [(line, reason)] = looked_up(url, "select line, reason from raw.reject")
    assert (line, "example" in reason) == (4, False)
    (folder.path / "a.csv").rename(folder.path / "kept")
    folder.write("a.csv", "not a csv of ours")
    os.utime(folder.path / "a.csv", (1, 1))
    (folder.path / "kept").rename(folder.path / "a.csv")
    assert night() == {"orders": 0}
    folder.write("b.csv", HEADER + row(2, "other@example.com") + row(4))
    assert night() == {"orders": 2}
    folder.write("a.csv", HEADER + row(1) + row(2) + row(3))
    assert night() == {"orders": 2}
    assert looked_up(url, "select id from raw.files__orders order by id") == [(f"till/{n}",) for n in range(1, 5)]
    assert looked_up(url, parts) == [(str(folder.path / "a.csv"), 3, 0), (str(folder.path / "b.csv"), 2, 0)]


def test_a_file_that_does_not_fit_leaves_nothing(url: str, folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.write("a.csv", HEADER + row(1))
    folder.write("b.csv", "id;at\r\n")
    with pytest.raises(SettingsInvalid, match=r"^till, stream orders, page \d+: .*b\.csv: orders\.columns names"):
        extract.run(url, "till", shop(folder.path / "*.csv"), NOBODY, RUN_DATE)
    counts = "select (select count(*) from raw.files__orders), (select count(*) from raw.part)"
    assert looked_up(url, counts) == [(0, 0)]
