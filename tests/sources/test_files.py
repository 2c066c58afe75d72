"""Which files are read, each once and whole, and what is landed from them."""

import io
import os
import time
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest

from lifecycle import extract, warehouse
from lifecycle.errors import RetryLater, SettingsInvalid
from lifecycle.sources import source_kind
from lifecycle.sources.files import FileShop, rows
from lifecycle.sources.mapping import mapping_of, pages
from tests.databases import NewDatabase, with_every_stream
from tests.sources.files_folder import COLUMNS, HEADER, NOBODY, RUN_DATE, Folder, ids, row, shop


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
        chunk, self.rest = self.rest[: len(buffer)], self.rest[len(buffer) :]
        buffer[: len(chunk)] = chunk
        return len(chunk)


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
