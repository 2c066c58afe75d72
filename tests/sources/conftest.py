"""One server for all tests of sources, small pages, and pauses that are written down instead of waited."""

from collections.abc import Iterator

import pytest

from tests.sources.cases import PRIVATE, Stage, standing
from tests.sources.vendors import PAGE


@pytest.fixture(scope="session")
def the_stage() -> Iterator[Stage]:
    with standing() as stage:
        yield stage


@pytest.fixture
def stage(the_stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Stage:
    monkeypatch.setattr("lifecycle.sources.woocommerce.PAGE_SIZE", PAGE)
    monkeypatch.setattr("lifecycle.sources.sendgrid.PAGE_SIZE", PAGE)
    monkeypatch.setattr("lifecycle.sources.sendgrid.EXPORT_PAGE", PAGE)
    monkeypatch.setattr("lifecycle.sources.sendgrid.LISTING_PAGE", PAGE)
    monkeypatch.setattr("lifecycle.sources.sendgrid.STATISTICS_PAGE", PAGE)
    monkeypatch.setattr("lifecycle.sources.shopify.bulk.BULK_PAGE", PAGE)
    monkeypatch.setattr("lifecycle.sources.shopware.PAGE_SIZE", PAGE)
    monkeypatch.setattr("lifecycle.sources.sendgrid.MOST_MESSAGES", PAGE)
    return the_stage


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
