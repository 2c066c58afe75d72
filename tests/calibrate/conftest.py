"""A warehouse for each file of tests, empty at the beginning of each test."""

from collections.abc import Iterator

import pytest

from tests.calibrate.marts import Marts
from tests.databases import NewDatabase


@pytest.fixture(scope="module")
def lasting_marts(new_database: NewDatabase) -> Iterator[Marts]:
    """What ``marts`` begins again with every test."""
    marts = Marts(new_database())
    yield marts
    marts.database.close()


@pytest.fixture
def marts(lasting_marts: Marts) -> Marts:
    """Marts without a purchase."""
    lasting_marts.begin()
    return lasting_marts
