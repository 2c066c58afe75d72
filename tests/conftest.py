"""Fixtures for all tests: databases of an embedded PostgreSQL; no network but loopback, nothing of a user."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest
from hypothesis.configuration import set_hypothesis_home_dir
from hypothesis.database import DirectoryBasedExampleDatabase

from demo import postgres
from lifecycle.web import quotas
from tests.databases import NewDatabase, with_schemas

if TYPE_CHECKING:
    from lifecycle.testing.server import AppHost
    from tests.world import World

# what the contracts assert is explained as in a test
pytest.register_assert_rewrite("lifecycle.testing.cases", "lifecycle.testing.destinations", "lifecycle.testing.sources")

TESTS = Path(__file__).parent
BUILD = TESTS.parent / "build"
#: One server for each process that tests.
HOME = BUILD / f"test-postgres-{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
#: The folders and files that take longest: with several processes, what begins last must not be one of them.
LONGEST = (
    *("night", "browser", "dbt", "test_chaos.py", "test_package.py", "test_detect_deletions_dag.py", "test_recipes.py"),
    *("test_plugin.py", "extract", "destinations", "deliver", "quality", "sources"),
)

# Examples are new ones in every run; what has failed is kept here, and tried first by the next run.
EXAMPLES = BUILD / "hypothesis"
set_hypothesis_home_dir(EXAMPLES)
# A test says what must be, not how soon: nothing fails because the machine is busy.
hypothesis.settings.register_profile(
    "quick", derandomize=False, database=DirectoryBasedExampleDatabase(EXAMPLES), deadline=None, print_blob=True
)
hypothesis.settings.register_profile("thorough", hypothesis.settings.get_profile("quick"), max_examples=300)
hypothesis.settings.load_profile("quick")


# What a provider allows in an hour is spaced in tests of that alone.
quotas.sleep = lambda _: None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Bring the files that take longest to the front."""
    items.sort(key=_order)


def _order(item: pytest.Item) -> int:
    folder = item.path.relative_to(TESTS).parts[0]
    return LONGEST.index(folder) if folder in LONGEST else len(LONGEST)


@pytest.fixture(scope="session")
def new_database() -> Iterator[NewDatabase]:
    """Makes databases; the server starts with the first test that asks, and goes with the last."""
    postgres.start(HOME)
    yield NewDatabase(HOME)
    postgres.remove(HOME, wait=False)


@pytest.fixture
def database_url(new_database: NewDatabase) -> str:
    """The URL of an empty database of the test's own."""
    return new_database()


@pytest.fixture
def warehouse_url(new_database: NewDatabase) -> str:
    """The URL of a warehouse of the test's own, before the first night."""
    return new_database(with_schemas)


@pytest.fixture(scope="session")
def provider_host() -> Iterator["AppHost"]:
    """The server of all demo providers: starting one for every test would take most of the time."""
    from lifecycle.testing.server import AppHost, running

    host = AppHost()
    with running(host) as host.address:
        yield host


@pytest.fixture(scope="session")
def lasting_world(new_database: NewDatabase, provider_host: "AppHost") -> Iterator["World"]:
    """What ``world`` makes again for every test."""
    from tests.world import World

    world = World(new_database(), provider_host)
    yield world
    world.database.close()


@pytest.fixture
def world(lasting_world: "World", monkeypatch: pytest.MonkeyPatch) -> "World":
    """Hand-made marts and an empty provider; nothing waits before it tries again."""
    from lifecycle import reconcile, web
    from lifecycle.deliver import jobs

    monkeypatch.setattr(web, "_backoff", lambda _: 0.0)
    monkeypatch.setattr(jobs, "FIRST_PAUSE", 0.0)
    monkeypatch.setattr(reconcile, "PATIENCE_SECONDS", 0.0)
    lasting_world.begin()
    return lasting_world
