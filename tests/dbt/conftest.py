"""What all tests that run dbt share."""

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="package", autouse=True)
def fewer_collections() -> Iterator[None]:
    """A parsed project is millions of objects, which looking for garbage goes through: a seventh of a build's time."""
    before = gc.get_threshold()
    gc.set_threshold(100_000, 50, 100)
    yield
    gc.set_threshold(*before)
