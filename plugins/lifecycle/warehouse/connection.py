"""Connections to the warehouse, in UTC, on which SQL names schemas as ``$schema``; and its locks."""

import contextlib
import zlib
from collections.abc import Iterable, Iterator
from typing import Any, Self

import psycopg
from psycopg import sql
from psycopg.abc import Params, Query
from psycopg.copy import Copy, Writer
from psycopg.rows import Row, TupleRow

from lifecycle.errors import AccessDenied, RetryLater
from lifecycle.warehouse.schemas import resolved, schema_name

Connection = psycopg.Connection[TupleRow]


class Cursor(psycopg.Cursor[Row]):
    """psycopg's, for statements that name schemas as ``$schema``."""

    def execute(
        self, query: Query, params: Params | None = None, *, prepare: bool | None = None, binary: bool | None = None
    ) -> Self:
        """As psycopg's."""
        return super().execute(resolved(query), params, prepare=prepare, binary=binary)

    def executemany(self, query: Query, params_seq: Iterable[Params], *, returning: bool = False) -> None:
        """As psycopg's."""
        super().executemany(resolved(query), params_seq, returning=returning)

    @contextlib.contextmanager
    def copy(self, statement: Query, params: Params | None = None, *, writer: Writer | None = None) -> Iterator[Copy]:
        """As psycopg's."""
        with super().copy(resolved(statement), params, writer=writer) as copy:
            yield copy


class StreamingCursor(psycopg.ServerCursor[Row]):
    """psycopg's for results that are larger than memory, for statements that name schemas as ``$schema``."""

    def execute(
        self, query: Query, params: Params | None = None, *, binary: bool | None = None, **options: Any
    ) -> Self:
        """As psycopg's."""
        return super().execute(resolved(query), params, binary=binary, **options)


def connect(url: str, *, autocommit: bool = False) -> Connection:
    """Connect in UTC; a server that can't be reached is ``RetryLater``, whose message holds no credential."""
    try:
        connection = psycopg.connect(
            url, autocommit=autocommit, connect_timeout=10, options="-c timezone=UTC", cursor_factory=Cursor
        )
    except psycopg.OperationalError as error:
        message = f"the warehouse can't be reached ({type(error).__name__})"
        raise RetryLater(message) from None
    connection.server_cursor_factory = StreamingCursor
    return connection


@contextlib.contextmanager
def acting_as(url: str, role: str, *, read_only: bool = True) -> Iterator[Connection]:
    """One transaction with the rights of ``role``, in which all is seen as of one moment.

    Raises ``AccessDenied`` where there is no such role or the login is not a member of it.
    """
    with connect(url) as connection:
        connection.read_only = read_only
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        try:
            connection.execute(sql.SQL("set local role {}").format(sql.Identifier(role)))
        except (psycopg.errors.InvalidParameterValue, psycopg.errors.InsufficientPrivilege):
            message = f"the warehouse's login is not a member of the role {role}"
            raise AccessDenied(message) from None
        yield connection


def document_table(kind: str, stream: str) -> sql.Identifier:
    """``raw.<kind>__<stream>``."""
    return sql.Identifier(schema_name("raw"), f"{kind}__{stream}")


def exists(connection: Connection, table: sql.Identifier) -> bool:
    """Whether there is such a table."""
    row = connection.execute("select to_regclass(%s) is not null", [table.as_string(connection)]).fetchone()
    return row == (True,)


@contextlib.contextmanager
def only_one(url: str, name: str) -> Iterator[None]:
    """Hold the lock ``name`` in the warehouse; raises ``RetryLater`` at once if somebody else holds it."""
    with connect(url, autocommit=True) as connection:
        row = connection.execute("select pg_try_advisory_lock(%s)", [lock_key(name)]).fetchone()
        if row != (True,):
            message = f"another run holds the lock '{name}'"
            raise RetryLater(message)
        yield


def lock_key(name: str) -> int:
    """The number of a lock, of which a database has one for each prefix of the schemas."""
    return zlib.crc32(f"{schema_name('lifecycle')}:{name}".encode())
