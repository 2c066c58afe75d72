"""One server for the tests of a file, small pages, and a warehouse that has every stream."""

import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from lifecycle import extract
from lifecycle.testing.cases import RecordingHost, standing
from lifecycle.testing.pages import change_sources, in_pages_of
from tests.databases import NewDatabase, with_every_stream
from tests.extract.pulls import copy_into
from tests.sources.cases import PRIVATE
from tests.sources.vendors import PAGE


@pytest.fixture(scope="module")
def the_host() -> Iterator[RecordingHost]:
    with standing() as host:
        yield host


@pytest.fixture
def host(the_host: RecordingHost, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> RecordingHost:
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda _: None)
    change_sources(monkeypatch, partial(in_pages_of, PAGE))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return the_host


@pytest.fixture
def url(new_database: NewDatabase) -> str:
    return new_database(with_every_stream)


@pytest.fixture
def quick_landing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Documents reach the landing schema by COPY: dlt, which takes a second for that, has tests of its own."""
    monkeypatch.setattr(extract, "_land", copy_into)


@pytest.fixture
def nothing_private_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level("INFO")
    yield
    assert not [word for word in PRIVATE if word in caplog.text]
