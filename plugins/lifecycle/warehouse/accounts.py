"""The account that the last night met, and what was doubted of it: for whoever plans, sends or reads back."""

import logging

from lifecycle.warehouse.connection import Connection

log = logging.getLogger(__name__)


def current_account(connection: Connection, destination: str) -> int:
    """The account of a destination that the last night met; one without a name before the first."""
    row = connection.execute(
        "select account_id from $delivery.account where destination = %s and is_current", [destination]
    ).fetchone()
    return int(row[0]) if row else new_account(connection, destination, None)


def new_account(connection: Connection, destination: str, identity: str | None) -> int:
    """Store an account, which is the current one from then on."""
    with connection.transaction():
        connection.execute(
            "update $delivery.account set is_current = false where destination = %s and is_current", [destination]
        )
        row = connection.execute(
            "insert into $delivery.account (destination, identity, is_current) values (%s, %s, true)"
            " returning account_id",
            [destination, identity],
        ).fetchone()
    return int(row[0]) if row else 0


def record_doubt(connection: Connection, account_id: int, reason: str, name: str | None, persons: int) -> None:
    """Keep for the page what the ledger could no longer be sure of."""
    connection.execute(
        "insert into $delivery.doubt (account_id, reason, name, persons) values (%s, %s, %s, %s)",
        [account_id, reason, name, persons],
    )
    log.warning("%s%s: %d people are planned again", reason, f" ({name})" if name else "", persons)
