"""A provider on its demo server, behind a wire that keeps what is sent."""

from collections.abc import Mapping
from typing import Any

import pytest

from demo.serve import Stage
from lifecycle import web
from lifecycle.settings import Connection, FieldType
from tests.destinations.providers import FIELDS, LISTS, PROVIDERS, EmailProvider, Provider, Wire


@pytest.fixture
def provider(request: pytest.FixtureRequest, provider_stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Provider:
    """The provider whose name is the parameter."""
    monkeypatch.setattr(web, "_backoff", lambda _: 0.0)
    ways = PROVIDERS[request.param]
    server = ways.start()
    provider_stage.app = wire = Wire(server.app)

    def connect(lists: Any = LISTS, fields: Mapping[str, FieldType] = FIELDS, key: str | None = None) -> EmailProvider:
        connection = Connection("esp", host=provider_stage.address, password=key or ways.key)
        destination: EmailProvider = ways.module.connect(connection, lists, fields)
        return destination

    def set_timeout(seconds: float) -> None:
        monkeypatch.setattr(ways.module, "TIMEOUT", seconds)
        monkeypatch.setattr(web, "TIMEOUT", seconds)

    return Provider(ways, server, connect, wire, set_timeout)
