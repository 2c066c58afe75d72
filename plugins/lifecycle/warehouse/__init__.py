"""The only database code: connections, the schemas that are not dbt's, landing, and locks.

Modules write their own SQL and run it on a connection from here, which names schemas as ``$schema``.
"""

from lifecycle.warehouse.accounts import current_account, new_account, record_doubt
from lifecycle.warehouse.connection import (
    Connection,
    acting_as,
    connect,
    document_table,
    exists,
    lock_key,
    only_one,
)
from lifecycle.warehouse.deletions import DeletionCheck, compare_listing, mark_vanished
from lifecycle.warehouse.landing import (
    DOCUMENT_COLUMNS,
    Pull,
    cursors,
    known_parts,
    merge,
    record_parts,
    record_rejects,
)
from lifecycle.warehouse.migrations import prepare
from lifecycle.warehouse.schemas import SCHEMAS, resolved_text, schema_name

__all__ = [
    "DOCUMENT_COLUMNS",
    "SCHEMAS",
    "Connection",
    "DeletionCheck",
    "Pull",
    "acting_as",
    "compare_listing",
    "connect",
    "current_account",
    "cursors",
    "document_table",
    "exists",
    "known_parts",
    "lock_key",
    "mark_vanished",
    "merge",
    "new_account",
    "only_one",
    "prepare",
    "record_doubt",
    "record_parts",
    "record_rejects",
    "resolved_text",
    "schema_name",
]
