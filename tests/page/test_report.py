"""The report of a night is one file that needs nothing else and tells of nobody."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from lifecycle import warehouse
from lifecycle.page import report, static_files
from tests.page.conftest import Site
from tests.page.parsed_page import ParsedPage
from tests.page.sample_data import ADA, LAST, page_settings


def written(site: Site, folder: Path, language: str | None = None) -> str:
    place = report.write(site.url, page_settings(reports=str(folder)), LAST, language)
    return Path(urlsplit(place).path).read_text()


def test_a_report_shows_the_figures_of_the_night(site: Site, tmp_path: Path) -> None:
    page = ParsedPage(written(site, tmp_path))
    assert "Period: 3 Oct 2017 to 31 Dec 2017." in page.text
    assert "Prospects 93" in page.section("stages")
    assert "1,240 people at CHF 1.10" in page.section("gap")
    assert {"stages", "moves", "timeline", "cohorts", "messages", "engaged", "gap-nudge"} <= set(page.charts)


def test_a_report_needs_nothing_from_outside(site: Site, tmp_path: Path) -> None:
    for tag, attributes in ParsedPage(written(site, tmp_path)).elements:
        assert tag not in {"img", "iframe", "object", "embed", "form"} or attributes.get("method") == "dialog"
        assert "src" not in attributes
        assert (attributes.get("href") or "#").startswith(("#", "data:"))
    style = static_files.content("page.css")
    assert "url(" not in style
    assert "@import" not in style


def test_a_report_holds_no_personal_data(site: Site, tmp_path: Path) -> None:
    content = written(site, tmp_path).replace(static_files.content(static_files.PLOTLY), "")
    assert not re.search(r"[\w.]+@[\w.]+", content)
    assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}", content)
    assert ADA not in content


def test_the_same_night_gives_the_same_bytes(site: Site, tmp_path: Path) -> None:
    assert written(site, tmp_path / "a") == written(site, tmp_path / "b")


def test_a_report_replaces_the_one_before_and_leaves_nothing_else(site: Site, tmp_path: Path) -> None:
    written(site, tmp_path)
    assert 'lang="de"' in written(site, tmp_path, "de")
    assert [path.name for path in tmp_path.iterdir()] == ["lifecycle-2017-12-31.html"]


def test_a_report_that_cannot_be_written_leaves_the_old_one(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fsspec.implementations.local import LocalFileSystem

    before = written(site, tmp_path)

    def broken(*_: object) -> None:
        message = "the disk is full"
        raise OSError(message)

    monkeypatch.setattr(LocalFileSystem, "mv", broken)
    with pytest.raises(OSError, match="full"):
        written(site, tmp_path, "de")
    monkeypatch.undo()
    assert [path.read_text() for path in tmp_path.iterdir()] == [before]


def test_a_report_may_be_kept_in_any_storage(site: Site) -> None:
    settings = page_settings(reports="memory://reports")
    assert report.write(site.url, settings, LAST) == "memory:///reports/lifecycle-2017-12-31.html"
    assert report.dates(settings) == [LAST]
    assert b"Prospects" in (report.read(settings, LAST) or b"")


def test_reports_are_listed_and_served_in_a_sandbox(
    site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = page_settings(reports=str(tmp_path))
    report.write(site.url, settings, LAST)
    monkeypatch.setattr("tests.page.conftest.page_settings", lambda: settings)
    assert "./reports/2017-12-31" in site.shown("/reports").links()
    answer = site.client.get("/reports/2017-12-31")
    assert "Prospects" in answer.text
    assert "sandbox allow-scripts" in answer.headers["content-security-policy"]


def test_a_report_tells_why_it_could_not_be_written(own_site: Site, tmp_path: Path) -> None:
    with warehouse.connect(own_site.url) as connection:
        connection.execute("revoke select on marts.stage_daily from lifecycle_figures")
    with pytest.raises(Exception, match=r"no right to read marts\.stage_daily"):
        written(own_site, tmp_path)
    assert list(tmp_path.iterdir()) == []
