"""The provider whose name is the parameter."""

import pytest

from lifecycle.testing.providers import Provider, provider_at
from lifecycle.testing.server import AppHost
from tests.contracts.requests import requests_fit_the_contract  # noqa: F401 - for each test here
from tests.destinations.providers import PROVIDERS


@pytest.fixture
def provider(request: pytest.FixtureRequest, provider_host: AppHost, monkeypatch: pytest.MonkeyPatch) -> Provider:
    """A provider of ours, new."""
    return provider_at(provider_host, PROVIDERS[request.param], monkeypatch)
