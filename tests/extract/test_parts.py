"""Of a stream in parts, each version of a part is read once; rows that don't fit stand beside it."""

import dataclasses
from datetime import date
from typing import Any

import pytest

from lifecycle import extract, sources
from lifecycle.errors import AnswerUnreadable
from lifecycle.sources import Page, Pages, Part, Reject, Stream
from lifecycle.testing.cases import RUN_DATE, person
from tests.extract.pulls import NEXT_DAY, rows
from tests.sources.cases import PRIVATE


@dataclasses.dataclass
class Folder:
    """Files of a shop: name → (version, pages); which of them were read is noted."""

    files: dict[str, tuple[str, list[Page]]] = dataclasses.field(default_factory=dict)
    read: list[str] = dataclasses.field(default_factory=list)

    def part(self, name: str) -> Part:
        def pages() -> Pages:
            self.read.append(name)
            yield from self.files[name][1]

        return Part(name, self.files[name][0], pages)

    def land(self, url: str, source: str = "demo", run_date: date = RUN_DATE) -> int:
        """Land what has not been read yet; how many documents changed."""
        self.read.clear()
        stream = Stream(
            "orders",
            key=lambda item: sources.identity(item, "id"),
            changed_at=lambda _: None,
            parts=lambda: [self.part(name) for name in self.files],
        )
        return extract.land(url, source, "files", [stream], run_date)["orders"]


def page(*numbers: int, rejects: tuple[Reject, ...] = (), **more: Any) -> Page:
    return Page([{"id": n, **more} for n in numbers], rejects=rejects)


def misfit(file: str, line: int) -> Reject:
    return Reject(file, line, "column 'total' (total): must be a number", person(line))


PARTS = "select name, version, documents, rejected from raw.part where source = 'demo' order by 1"
REJECTS = "select file, line, reason, \"row\", run_date from raw.reject where source = 'demo' order by 1, 2"


def test_a_part_is_read_once_and_a_new_version_of_it_anew(url: str) -> None:
    folder = Folder({"a": ("1", [page(1, 2), page(3)]), "b": ("1", [page(4)])})
    assert folder.land(url) == 4
    assert rows(url, PARTS) == [("a", "1", 3, 0), ("b", "1", 1, 0)]
    assert (folder.land(url), folder.read) == (0, [])
    folder.files |= {"a": ("2", [page(1, paid=True), page(5)]), "c": ("1", [])}
    assert (folder.land(url, run_date=NEXT_DAY), folder.read) == (2, ["a", "c"])
    assert rows(url, PARTS) == [("a", "2", 2, 0), ("b", "1", 1, 0), ("c", "1", 0, 0)]
    landed = dict(rows(url, "select id, doc from raw.files__orders"))
    assert landed == {f"demo/{n}": {"id": n} for n in (2, 3, 4, 5)} | {"demo/1": {"id": 1, "paid": True}}
    assert not rows(url, "select * from raw.files__orders where is_deleted")


def test_a_part_is_known_for_its_source_alone(url: str) -> None:
    folder = Folder({"a": ("1", [page(1, rejects=(misfit("a", 2),))])})
    assert (folder.land(url), folder.land(url, "other"), folder.read) == (1, 1, ["a"])
    folder.files["a"] = ("2", [page(1)])
    folder.land(url, "other")
    assert len(rows(url, REJECTS)) == 1


def test_a_row_that_does_not_fit_is_kept_until_its_file_is_mended(url: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    broken, other = page(1, rejects=(misfit("a", 2), misfit("a", 3))), page(2, rejects=(misfit("b", 7),))
    folder = Folder({"a": ("1", [broken, page(3, rejects=(misfit("a", 9),))]), "b": ("1", [other])})
    assert folder.land(url) == 3
    why = "column 'total' (total): must be a number"
    of_b = ("b", 7, why, person(7), RUN_DATE)
    assert rows(url, REJECTS) == [*(("a", n, why, person(n), RUN_DATE) for n in (2, 3, 9)), of_b]
    assert rows(url, PARTS) == [("a", "1", 2, 3), ("b", "1", 1, 1)]
    assert "demo, stream orders: 4 rows don't fit: see raw.reject" in caplog.text
    assert not [word for word in PRIVATE if word in caplog.text]
    assert folder.land(url, run_date=NEXT_DAY) == 0
    assert len(rows(url, REJECTS)) == 4
    folder.files["a"] = ("2", [page(1, 2, rejects=(misfit("a", 3),))])
    assert folder.land(url, run_date=NEXT_DAY) == 0
    assert rows(url, REJECTS) == [("a", 3, why, person(3), NEXT_DAY), of_b]
    folder.files["a"] = ("3", [page(1, 2, 3)])
    folder.land(url, run_date=NEXT_DAY)
    assert rows(url, REJECTS) == [of_b]


def test_more_misfits_than_can_be_an_accident_stop_the_pull_with_nothing_landed(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extract, "MOST_REJECTS", 3)
    folder = Folder({"a": ("1", [page(1, rejects=(misfit("a", 2), misfit("a", 3)))])})
    folder.files["b"] = ("1", [page(2, rejects=(misfit("b", 2), misfit("b", 3)))])
    words = "^demo, stream orders, page 2: more than 3 rows don't fit, the first because: column 'total'"
    with pytest.raises(AnswerUnreadable, match=words) as raised:
        folder.land(url)
    assert not [word for word in PRIVATE if word in str(raised.value)]
    tables = ("raw.files__orders", "raw.part", "raw.reject", "raw.pull")
    assert [rows(url, f"select * from {table}") for table in tables] == [[], [], [], []]
    folder.files["b"] = ("2", [page(2, rejects=(misfit("b", 2),))])
    assert (folder.land(url), folder.read) == (2, ["a", "b"])
    assert len(rows(url, REJECTS)) == 3


def test_a_part_that_breaks_off_is_read_anew_with_all_that_came_with_it(url: str) -> None:
    folder = Folder({"a": ("1", [page(1, rejects=(misfit("a", 2),))]), "b": ("1", [page(2), Page([{"no": "key"}])])})
    with pytest.raises(AnswerUnreadable, match=r"^demo, stream orders, page 3: a document has no key"):
        folder.land(url)
    assert (rows(url, PARTS), rows(url, REJECTS)) == ([], [])
    folder.files["b"] = ("1", [page(2)])
    assert (folder.land(url), folder.read) == (2, ["a", "b"])


def test_a_row_that_does_not_fit_is_kept_whatever_text_it_holds(url: str) -> None:
    odd = Reject("a", 1, "the line is not valid JSON", "nul \0, half \ud83d, whole \U0001f600, 'quote")
    folder = Folder({"a": ("1", [page(1, rejects=(odd,))])})
    assert folder.land(url) == 1
    [(*_, row, _)] = rows(url, REJECTS)
    assert row == "nul \ufffd, half \ufffd, whole \U0001f600, 'quote"
