"""The only database code: connections, the schemas that are not dbt's, landing, and locks.

Rooms write their own SQL and run it on a connection from here.
"""

import contextlib
import logging
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from lifecycle.errors import RetryLater

SCHEMA = Path(__file__).with_name("warehouse.sql")
#: The document tables' shape; ``doc`` is the other side's payload, untouched.
DOCUMENT_COLUMNS = ("id", "source", "cursor_at", "doc", "loaded_at", "is_deleted")

Connection = psycopg.Connection[TupleRow]
log = logging.getLogger(__name__)


def connect(url: str, *, autocommit: bool = False) -> Connection:
    """Connect in UTC; a server that can't be reached is ``RetryLater``, whose message holds no credential."""
    try:
        return psycopg.connect(url, autocommit=autocommit, connect_timeout=10, options="-c timezone=UTC")
    except psycopg.OperationalError as error:
        message = f"the warehouse can't be reached ({type(error).__name__})"
        raise RetryLater(message) from None


def prepare(url: str, streams: Sequence[tuple[str, str]]) -> None:
    """Make the schemas and a ``raw`` table for each (kind, stream), where they are not there yet."""
    with connect(url) as connection:
        connection.execute("select pg_advisory_xact_lock(%s)", [_lock_key("prepare")])
        connection.execute(SCHEMA.read_bytes())
        for kind, stream in streams:
            names = {"table": document_table(kind, stream), "index": sql.Identifier(f"{kind}__{stream}_loaded_at")}
            connection.execute(
                sql.SQL(
                    "create table if not exists {table} ("
                    "id text primary key, source text not null, cursor_at timestamptz, doc jsonb not null,"
                    " loaded_at timestamptz not null, is_deleted boolean not null default false);"
                    "create index if not exists {index} on {table} (loaded_at)"
                ).format(**names)
            )


def document_table(kind: str, stream: str) -> sql.Identifier:
    """``raw.<kind>__<stream>``."""
    return sql.Identifier("raw", f"{kind}__{stream}")


def exists(connection: Connection, table: sql.Identifier) -> bool:
    """Whether there is such a table."""
    row = connection.execute("select to_regclass(%s) is not null", [table.as_string(connection)]).fetchone()
    return row == (True,)


@dataclass(frozen=True, slots=True)
class Pull:
    """One complete read of one stream; ``cursor_at`` is where the next one starts."""

    source: str
    stream: str
    run_date: date
    started_at: datetime
    finished_at: datetime
    pages: int
    documents: int
    cursor_at: datetime | None


def merge(connection: Connection, kind: str, landing: str, pull: Pull) -> int:
    """Move a stream's documents from landing into ``raw``, record the pull, return how many changed.

    A document that is the same as before is left as it is, so ``loaded_at`` says when it last changed. One merge at a
    time changes a table, and each has a later ``loaded_at`` than any before: who has read up to one has missed nothing.
    Of a document that was read twice, the later reading counts.
    """
    names = {
        "raw": document_table(kind, pull.stream),
        "landing": sql.Identifier(landing, f"{kind}__{pull.stream}"),
    }
    changed = 0
    if pull.documents:
        lock = _lock_key(f"merge {kind}__{pull.stream}")
        connection.execute("select pg_advisory_xact_lock(%s)", [lock])
        changed = connection.execute(
            sql.SQL(
                """
                insert into {raw} as known (id, source, cursor_at, doc, loaded_at, is_deleted)
                select distinct on (id) id, source, cursor_at, doc,
                    (select greatest(statement_timestamp(), max(loaded_at) + interval '1 microsecond') from {raw}),
                    is_deleted
                from {landing} order by id, loaded_at desc
                on conflict (id) do update
                set doc = excluded.doc, cursor_at = excluded.cursor_at, loaded_at = excluded.loaded_at,
                    is_deleted = excluded.is_deleted
                where (known.doc, known.is_deleted) is distinct from (excluded.doc, excluded.is_deleted)
                """
            ).format(**names)
        ).rowcount
        connection.execute(sql.SQL("truncate {landing}").format(**names))
    connection.execute(
        """
        insert into raw.pull
            (source, stream, run_date, started_at, finished_at, pages, documents, changed, cursor_at)
        values (%s, %s, %s, %s, %s, %s, %s, %s, %s)
        on conflict (source, stream, run_date) do update
        set started_at = excluded.started_at, finished_at = excluded.finished_at, pages = excluded.pages,
            documents = excluded.documents, changed = excluded.changed, cursor_at = excluded.cursor_at
        """,
        [
            pull.source, pull.stream, pull.run_date, pull.started_at, pull.finished_at, pull.pages,
            pull.documents, changed, pull.cursor_at,
        ],
    )  # fmt: skip
    return changed


def cursors(url: str, source: str) -> dict[str, datetime | None]:
    """Stream → how far the source was read by any complete pull."""
    with connect(url) as connection:
        rows = connection.execute("select stream, max(cursor_at) from raw.pull where source = %s group by 1", [source])
        return dict(rows.fetchall())


@contextlib.contextmanager
def only_one(url: str, name: str) -> Iterator[None]:
    """Hold the lock ``name`` in the warehouse; raises ``RetryLater`` at once if somebody else holds it."""
    with connect(url, autocommit=True) as connection:
        row = connection.execute("select pg_try_advisory_lock(%s)", [_lock_key(name)]).fetchone()
        if row != (True,):
            message = f"another run holds the lock '{name}'"
            raise RetryLater(message)
        yield


def _lock_key(name: str) -> int:
    return zlib.crc32(f"lifecycle:{name}".encode())
