"""Fixtures for all tests: databases of an embedded PostgreSQL; no network but loopback, nothing of a user."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from demo import postgres

if TYPE_CHECKING:
    from demo.serve import Stage
    from tests.world import World

#: One server for each process that tests.
HOME = Path(__file__).parents[1] / "build" / f"test-postgres-{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole nights take longest: with two processes they begin first."""
    items.sort(key=lambda item: item.get_closest_marker("night") is None)


@pytest.fixture(scope="session")
def new_database() -> Iterator[Callable[[], str]]:
    """Makes empty databases; the server starts with the first test that asks, and goes with the last."""
    postgres.start(HOME)
    yield lambda: postgres.create_database(HOME, f"test_{uuid4().hex}")
    postgres.remove(HOME)


@pytest.fixture
def database_url(new_database: Callable[[], str]) -> str:
    """The URL of an empty database of the test's own."""
    return new_database()


@pytest.fixture(scope="session")
def provider_stage() -> Iterator["Stage"]:
    """The server of all demo providers: starting one for every test would take most of the time."""
    from demo.serve import Stage, running

    stage = Stage()
    with running(stage) as stage.address:
        yield stage


@pytest.fixture(scope="session")
def lasting_world(new_database: Callable[[], str], provider_stage: "Stage") -> Iterator["World"]:
    """What ``world`` begins anew with every test."""
    from tests.world import World

    world = World(new_database(), provider_stage)
    yield world
    world.database.close()


@pytest.fixture
def world(lasting_world: "World", monkeypatch: pytest.MonkeyPatch) -> "World":
    """Hand-made marts and an empty provider; nothing waits before it tries again."""
    from lifecycle import web
    from lifecycle.deliver import jobs

    monkeypatch.setattr(web, "_backoff", lambda _: 0.0)
    monkeypatch.setattr(jobs, "FIRST_PAUSE", 0.0)
    lasting_world.begin()
    return lasting_world
