"""Documents come into ``raw``: in one transaction with the record of what was read, and of what did not fit."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from psycopg import sql

from lifecycle.warehouse.connection import Connection, connect, document_table, lock_key

#: The document tables' shape; ``doc`` is the other side's payload, untouched.
DOCUMENT_COLUMNS = ("id", "source", "cursor_at", "doc", "loaded_at", "is_deleted")


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
        lock = lock_key(f"merge {kind}__{pull.stream}")
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
        insert into $raw.pull
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
        rows = connection.execute("select stream, name, version from $raw.part where source = %s", [source])
        known: dict[str, set[tuple[str, str]]] = {}
        for stream, name, version in rows:
            known.setdefault(stream, set()).add((name, version))
        return known


def record_parts(connection: Connection, pull: Pull, parts: Iterable[tuple[str, str, int, int]]) -> None:
    """Record the parts that a pull has read: (name, version, documents, rejected); their former rejects are deleted."""
    for part in parts:
        values = [pull.source, pull.stream, *part]
        connection.execute("delete from $raw.reject where source = %s and stream = %s and file = %s", values[:3])
        connection.execute(
            """
            insert into $raw.part (source, stream, name, version, documents, rejected)
            values (%s, %s, %s, %s, %s, %s)
            on conflict (source, stream, name) do update
            set version = excluded.version, documents = excluded.documents, rejected = excluded.rejected,
                loaded_at = excluded.loaded_at
            """,
            values,
        )


def record_rejects(connection: Connection, pull: Pull, rejects: Iterable[tuple[str, int, str, str]]) -> None:
    """Quarantine rows that did not fit: (file, line, reason, row); those of an earlier pull for it are deleted."""
    connection.execute(
        "delete from $raw.reject where source = %s and stream = %s and run_date = %s and file not in"
        " (select name from $raw.part where part.source = reject.source and part.stream = reject.stream)",
        [pull.source, pull.stream, pull.run_date],
    )
    with connection.cursor() as cursor:
        cursor.executemany(
            """
            insert into $raw.reject (source, stream, file, line, reason, "row", run_date)
            values (%s, %s, %s, %s, %s, %s, %s)
            on conflict (source, stream, run_date, file, line) do update
            set reason = excluded.reason, "row" = excluded."row"
            """,
            [[pull.source, pull.stream, *reject, pull.run_date] for reject in rejects],
        )


def cursors(url: str, source: str) -> dict[str, datetime | None]:
    """Stream → how far the source was read by any complete pull."""
    with connect(url) as connection:
        rows = connection.execute("select stream, max(cursor_at) from $raw.pull where source = %s group by 1", [source])
        return dict(rows.fetchall())
