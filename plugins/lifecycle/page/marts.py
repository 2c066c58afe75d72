"""Reads the marts that exist, each row as a dataclass."""

import re
from dataclasses import dataclass
from typing import Any, Self, TypeVar

from psycopg.rows import class_row

from lifecycle.errors import AccessDenied
from lifecycle.warehouse import Connection, resolved_text

FIGURES_ROLE = "lifecycle_figures"
PEOPLE_ROLE = "lifecycle_people"

TABLES = """
select pg_namespace.nspname || '.' || pg_class.relname,
    has_schema_privilege(pg_namespace.oid, 'usage') and has_table_privilege(pg_class.oid, 'select')
from pg_class
inner join pg_namespace on pg_namespace.oid = pg_class.relnamespace
where pg_namespace.nspname in ('$marts', '$delivery', '$raw', '$quality') and pg_class.relkind in ('r', 'v', 'm', 'p')
"""

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Marts:
    """A transaction, and the tables that exist, each with whether it may be read."""

    connection: Connection
    tables: dict[str, bool]

    @classmethod
    def of(cls, connection: Connection) -> Self:
        """Look up the tables once."""
        return cls(connection, dict(connection.execute(TABLES).fetchall()))

    def rows(self, kind: type[Row], query: str, **values: Any) -> list[Row]:
        """The rows of a query; none if one of its tables has not been built yet.

        Raises ``AccessDenied`` if the login may not read one of them.
        """
        named = sorted({resolved_text(name) for name in re.findall(r"\$(?:marts|delivery|raw|quality)\.\w+", query)})
        if not all(name in self.tables for name in named):
            return []
        for name in named:
            if not self.tables[name]:
                message = f"the page's login has no right to read {name}"
                raise AccessDenied(message)
        with self.connection.cursor(row_factory=class_row(kind)) as cursor:
            return cursor.execute(query.encode(), values).fetchall()
