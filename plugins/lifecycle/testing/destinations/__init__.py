"""The contract of destinations, for connectors of anybody: subclass ``DestinationContract`` and say what is your own.

::

    from lifecycle.testing.destinations import DestinationContract
    from lifecycle.testing.providers import ProviderCase

    class TestExample(DestinationContract):
        case = ProviderCase(module=writer, start=ExampleServer, …)

The server stands in for the provider: it has ``app``, ``faults``, ``lists``, ``fields``, ``contacts``, ``members``,
``jobs``, ``add_list``, ``add_field``, ``add_contact`` and ``finish_jobs``. A destination that describes its account or
lists suppressions keeps ``AccountContract`` or ``SuppressionContract``, too: name them beside ``DestinationContract``.
"""

from collections.abc import Iterator
from typing import ClassVar

import pytest

from lifecycle.testing.destinations.accounts import AccountContract, SuppressionContract
from lifecycle.testing.destinations.connecting import ConnectingContract
from lifecycle.testing.destinations.failing import FailingContract
from lifecycle.testing.destinations.leaving import LeavingContract
from lifecycle.testing.destinations.writing import WritingContract
from lifecycle.testing.providers import Provider, ProviderCase, provider_at
from lifecycle.testing.server import AppHost, running

__all__ = ["AccountContract", "DestinationContract", "SuppressionContract"]


class DestinationContract(ConnectingContract, WritingContract, LeavingContract, FailingContract):
    """What every destination that lists its members promises, whichever provider is behind it."""

    case: ClassVar[ProviderCase]

    @pytest.fixture(scope="class")
    @classmethod
    def app_host(cls) -> Iterator[AppHost]:
        """The server of all tests: starting one for each would take most of the time."""
        host = AppHost()
        with running(host) as host.address:
            yield host

    @pytest.fixture
    def provider(self, app_host: AppHost, monkeypatch: pytest.MonkeyPatch) -> Provider:
        """The provider, new."""
        return provider_at(app_host, self.case, monkeypatch)
