"""The contract of destinations over every provider of ours."""

import pytest

from lifecycle.destinations import (
    CountsMembers,
    DescribesAccount,
    FindsContacts,
    ListsMembers,
    ListsSuppressions,
    Removes,
    Upserts,
    destination_kind,
)
from lifecycle.settings import Connection, Destination
from lifecycle.testing.destinations import AccountContract, DestinationContract, SuppressionContract
from lifecycle.testing.providers import provider_at
from lifecycle.testing.server import AppHost
from tests.destinations.providers import BREVO, PROVIDERS, SENDGRID

CAN: tuple[type, ...] = (
    Upserts,
    Removes,
    ListsMembers,
    CountsMembers,
    DescribesAccount,
    FindsContacts,
    ListsSuppressions,
)


class TestSendGrid(DestinationContract, AccountContract, SuppressionContract):
    case = SENDGRID


class TestBrevo(DestinationContract, AccountContract, SuppressionContract):
    case = BREVO


@pytest.mark.parametrize("kind", PROVIDERS)
def test_a_kind_declares_what_its_destinations_can(
    kind: str, provider_host: AppHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = PROVIDERS[kind]
    provider_at(provider_host, case, monkeypatch)
    connection = Connection("esp", host=provider_host.address, password=case.key)
    declared = destination_kind(kind)
    destination = declared.connect(Destination(kind=kind, connection="esp"), connection)
    assert destination.name == kind
    assert declared.can == {protocol for protocol in CAN if isinstance(destination, protocol)}
