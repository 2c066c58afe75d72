"""SendGrid Marketing Campaigns, v3, as it is written."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from lifecycle.destinations import (
    DescribesAccount,
    DestinationKind,
    FindsContacts,
    ListsMembers,
    ListsSuppressions,
    Removes,
    Upserts,
)
from lifecycle.settings import Connection, Destination, Esp, FieldType

if TYPE_CHECKING:
    from lifecycle.destinations.sendgrid.writer import SendGrid


def _connect(
    _: Destination | Esp,
    connection: Connection,
    /,
    lists: Iterable[str] = (),
    fields: Mapping[str, FieldType] | None = None,
    known_lists: Mapping[str, str] | None = None,
) -> "SendGrid":
    from lifecycle.destinations.sendgrid import writer

    return writer.connect(connection, lists, fields or {}, known_lists or {})


def _missing_rights(_: Destination | Esp, connection: Connection) -> list[str]:
    from lifecycle.destinations.sendgrid import writer

    return writer.missing_rights(connection)


DESTINATION = DestinationKind(
    "sendgrid",
    Destination,
    frozenset({Upserts, Removes, ListsMembers, DescribesAccount, FindsContacts, ListsSuppressions}),
    _connect,
    _missing_rights,
)
