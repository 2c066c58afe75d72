"""A sound warehouse, a folder for suites, and everything that is logged or printed."""

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.databases import NewDatabase
from tests.quality.sound import sound


@pytest.fixture
def url(new_database: NewDatabase) -> str:
    """A warehouse in which everything is as it should be."""
    return new_database(sound)


@pytest.fixture
def suites(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in the place of the shipped suites."""
    monkeypatch.setattr("lifecycle.quality.suites.EXPECTATIONS", tmp_path)
    for gate in ("raw", "marts"):
        (tmp_path / gate).mkdir()
    return tmp_path


@pytest.fixture
def output(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Callable[[], str]:
    """Everything that was logged, down to debug messages, or printed."""
    caplog.set_level(logging.DEBUG)
    return lambda: "".join([caplog.text, *capfd.readouterr()])
