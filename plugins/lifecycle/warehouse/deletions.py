"""What has vanished at a source: a full listing compared with ``raw``."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from psycopg import sql

from lifecycle.warehouse.connection import Connection, document_table, lock_key


@dataclass(frozen=True, slots=True)
class DeletionCheck:
    """What a look at everything that a stream holds came to, in documents."""

    listed: int
    known: int
    vanished: int
    returned: int


def compare_listing(connection: Connection, kind: str, source: str, stream: str, ids: Iterable[str]) -> DeletionCheck:
    """Bring a listing into the temporary table ``listed`` and tell how ``raw`` differs from it."""
    names = {"raw": document_table(kind, stream)}
    connection.execute("create temporary table listed (id text not null) on commit drop")
    with connection.cursor().copy("copy listed (id) from stdin") as rows:
        for each in ids:
            rows.write_row([each])
    connection.execute("create index on listed (id); analyze listed")
    # not before: a listing takes long, and other sources' nights must not wait for it
    connection.execute("select pg_advisory_xact_lock(%s)", [lock_key(f"merge {kind}__{stream}")])
    row = connection.execute(
        sql.SQL(
            """
            select (select count(distinct id) from listed),
                count(*) filter (where not is_deleted),
                count(*) filter (where not is_deleted and not is_listed),
                count(*) filter (where is_deleted and is_listed)
            from (
                select is_deleted, exists (select from listed where listed.id = known.id) as is_listed
                from {raw} as known where source = %s
            ) as documents
            """
        ).format(**names),
        [source],
    ).fetchone()
    return DeletionCheck(*(row or (0, 0, 0, 0)))


def mark_vanished(
    connection: Connection, kind: str, source: str, stream: str, run_date: date, check: DeletionCheck
) -> None:
    """Mark what is not ``listed`` as deleted and what is there again as not deleted; record the check."""
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
        insert into $raw.deletion_check (source, stream, run_date, listed, vanished, returned)
        values (%s, %s, %s, %s, %s, %s)
        on conflict (source, stream, run_date) do update
        set listed = excluded.listed, vanished = excluded.vanished, returned = excluded.returned,
            checked_at = excluded.checked_at
        """,
        [source, stream, run_date, check.listed, check.vanished, check.returned],
    )
