"""The only database code: connections, the schemas that are not dbt's, landing, and locks.

Rooms write their own SQL and run it on a connection from here.
"""

import contextlib
import logging
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from lifecycle.errors import AccessDenied, RetryLater

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


@contextlib.contextmanager
def acting_as(url: str, role: str, *, read_only: bool = True) -> Iterator[Connection]:
    """One transaction with the rights of ``role``, in which all is seen as of one moment.

    Raises ``AccessDenied`` where there is no such role or the login is no member of it.
    """
    with connect(url) as connection:
        connection.read_only = read_only
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        try:
            connection.execute(sql.SQL("set local role {}").format(sql.Identifier(role)))
        except (psycopg.errors.InvalidParameterValue, psycopg.errors.InsufficientPrivilege):
            message = f"the warehouse's login is no member of the role {role}"
            raise AccessDenied(message) from None
        yield connection


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


def known_parts(url: str, source: str) -> dict[str, set[tuple[str, str]]]:
    """Stream → (name, version) of every part of it that has landed."""
    with connect(url) as connection:
        rows = connection.execute("select stream, name, version from raw.part where source = %s", [source])
        known: dict[str, set[tuple[str, str]]] = {}
        for stream, name, version in rows:
            known.setdefault(stream, set()).add((name, version))
        return known


def record_parts(connection: Connection, pull: Pull, parts: Iterable[tuple[str, str, int, int]]) -> None:
    """Note the parts that a pull has read: (name, version, documents, rejected); their former rejects are forgotten."""
    for part in parts:
        about = [pull.source, pull.stream, *part]
        connection.execute("delete from raw.reject where source = %s and stream = %s and file = %s", about[:3])
        connection.execute(
            """
            insert into raw.part (source, stream, name, version, documents, rejected)
            values (%s, %s, %s, %s, %s, %s)
            on conflict (source, stream, name) do update
            set version = excluded.version, documents = excluded.documents, rejected = excluded.rejected,
                loaded_at = excluded.loaded_at
            """,
            about,
        )


def record_rejects(connection: Connection, pull: Pull, rejects: Iterable[tuple[str, int, str, str]]) -> None:
    """Keep the rows that did not fit: (file, line, reason, row); what the same date's pull put aside is forgotten."""
    connection.execute(
        "delete from raw.reject where source = %s and stream = %s and run_date = %s and file not in"
        " (select name from raw.part where part.source = reject.source and part.stream = reject.stream)",
        [pull.source, pull.stream, pull.run_date],
    )
    with connection.cursor() as cursor:
        cursor.executemany(
            """
            insert into raw.reject (source, stream, file, line, reason, "row", run_date)
            values (%s, %s, %s, %s, %s, %s, %s)
            on conflict (source, stream, run_date, file, line) do update
            set reason = excluded.reason, "row" = excluded."row"
            """,
            [[pull.source, pull.stream, *reject, pull.run_date] for reject in rejects],
        )


@dataclass(frozen=True, slots=True)
class Sweep:
    """What a look at everything that a stream holds came to, in documents."""

    listed: int
    known: int
    vanished: int
    returned: int


def compare_listing(connection: Connection, kind: str, source: str, stream: str, ids: Iterable[str]) -> Sweep:
    """Bring a listing into the temporary table ``listed`` and tell how ``raw`` differs from it."""
    names = {"raw": document_table(kind, stream)}
    connection.execute("create temporary table listed (id text not null) on commit drop")
    with connection.cursor().copy("copy listed (id) from stdin") as rows:
        for each in ids:
            rows.write_row([each])
    connection.execute("create index on listed (id); analyze listed")
    # not before: a listing takes long, and other sources' nights must not wait for it
    connection.execute("select pg_advisory_xact_lock(%s)", [_lock_key(f"merge {kind}__{stream}")])
    row = connection.execute(
        sql.SQL(
            """
            select (select count(distinct id) from listed),
                count(*) filter (where not is_deleted),
                count(*) filter (where not is_deleted and not is_listed),
                count(*) filter (where is_deleted and is_listed)
            from (
                select is_deleted, exists (select from listed where listed.id = raw.id) as is_listed
                from {raw} as raw where source = %s
            ) as documents
            """
        ).format(**names),
        [source],
    ).fetchone()
    return Sweep(*(row or (0, 0, 0, 0)))


def mark_vanished(connection: Connection, kind: str, source: str, stream: str, run_date: date, found: Sweep) -> None:
    """Mark what is not ``listed`` as deleted and what is there again as not deleted; record the sweep."""
    connection.execute(
        sql.SQL(
            """
            update {raw} as known
            set is_deleted = not known.is_deleted, loaded_at = (
                select greatest(statement_timestamp(), max(loaded_at) + interval '1 microsecond') from {raw}
            )
            where source = %s and is_deleted = exists (select from listed where listed.id = known.id)
            """
        ).format(raw=document_table(kind, stream)),
        [source],
    )
    connection.execute(
        """
        insert into raw.sweep (source, stream, run_date, listed, vanished, returned)
        values (%s, %s, %s, %s, %s, %s)
        on conflict (source, stream, run_date) do update
        set listed = excluded.listed, vanished = excluded.vanished, returned = excluded.returned,
            swept_at = excluded.swept_at
        """,
        [source, stream, run_date, found.listed, found.vanished, found.returned],
    )


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
