"""Brevo, API v3, as it is written."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from lifecycle.destinations import (
    DescribesAccount,
    DestinationKind,
    ListsMembers,
    ListsSuppressions,
    Removes,
    Upserts,
)
from lifecycle.settings import Connection, Destination, Esp, FieldType

if TYPE_CHECKING:
    from lifecycle.destinations.brevo.writer import Brevo


def _connect(
    _: Destination | Esp,
    connection: Connection,
    /,
    lists: Iterable[str] = (),
    fields: Mapping[str, FieldType] | None = None,
    known_lists: Mapping[str, str] | None = None,
) -> "Brevo":
    from lifecycle.destinations.brevo import writer

    return writer.connect(connection, lists, fields or {}, known_lists or {})


def _missing_rights(_: Destination | Esp, connection: Connection) -> list[str]:
    from lifecycle.destinations.brevo import writer

    return writer.missing_rights(connection)


DESTINATION = DestinationKind(
    "brevo",
    Destination,
    frozenset({Upserts, Removes, ListsMembers, DescribesAccount, ListsSuppressions}),
    _connect,
    _missing_rights,
)
