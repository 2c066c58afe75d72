"""One server for all tests of sources, small pages, and pauses that are written down instead of waited."""

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from lifecycle.testing.cases import RecordingHost, standing
from lifecycle.testing.pages import change_sources, in_pages_of
from tests.contracts.requests import requests_fit_the_contract  # noqa: F401 - for each test here
from tests.sources.cases import PRIVATE
from tests.sources.files_folder import Folder
from tests.sources.vendors import PAGE


@pytest.fixture(scope="session")
def the_host() -> Iterator[RecordingHost]:
    with standing() as host:
        yield host


@pytest.fixture
def host(the_host: RecordingHost, monkeypatch: pytest.MonkeyPatch) -> RecordingHost:
    change_sources(monkeypatch, partial(in_pages_of, PAGE))
    monkeypatch.setattr("lifecycle.sources.shopify.bulk.BULK_PAGE", PAGE)
    return the_host


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long each pause before another attempt would have been."""
    waited: list[float] = []
    monkeypatch.setattr("tenacity.nap.time.sleep", waited.append)
    return waited


@pytest.fixture(autouse=True)
def nothing_private_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level("DEBUG")
    yield
    assert not [word for word in PRIVATE if word in caplog.text]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    place = tmp_path / "orders"
    place.mkdir()
    return Folder(place, time.time() - 600)
