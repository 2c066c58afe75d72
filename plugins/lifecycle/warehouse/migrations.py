"""The tables that are not dbt's, as numbered SQL files that are applied once each, in order.

A file is never changed once it is released: a warehouse remembers the checksum of every file that made it. The first
five can be applied to a warehouse of version 0.1.0, which kept no such record.
"""

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from psycopg import sql

from lifecycle.errors import WarehouseMismatch
from lifecycle.warehouse.connection import Connection, connect, document_table, lock_key

FOLDER = Path(__file__).parents[1] / "migrations"
ROLES = Path(__file__).with_name("roles.sql")

VERSIONS = """
create schema if not exists $migrations;
create table if not exists $migrations.applied (
    number integer primary key check (number > 0),
    name text not null,
    checksum text not null,
    applied_at timestamptz not null default now()
);
"""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Migration:
    """A file ``<number>_<subject>.sql``; ``name`` is the file's, ``checksum`` the SHA-256 of its text in hex."""

    number: int
    name: str
    statements: str

    @property
    def checksum(self) -> str:
        """What changes with the file, but not with the kind of its line ends."""
        return hashlib.sha256(self.statements.encode()).hexdigest()


def prepare(url: str, streams: Sequence[tuple[str, str]]) -> None:
    """Bring the warehouse up to this version: apply new migrations, grant, make a table for each (kind, stream).

    Raises ``WarehouseMismatch`` if the warehouse was made by a later version, or by files that have changed since.
    """
    with connect(url, autocommit=True) as connection:
        connection.execute("select pg_advisory_lock(%s)", [lock_key("prepare")])
        migrate(connection)
        with connection.transaction():
            connection.execute(ROLES.read_bytes())
            for kind, stream in streams:
                _make_document_table(connection, kind, stream)


def migrate(connection: Connection) -> None:
    """Apply what is not applied yet, one transaction each; the connection commits by itself and holds the lock."""
    migrations = known()
    with connection.transaction():
        connection.execute(VERSIONS)
    rows = connection.execute("select number, name, checksum from $migrations.applied order by number").fetchall()
    _check(migrations, rows)
    for migration in migrations[len(rows) :]:
        with connection.transaction():
            connection.execute(migration.statements.encode())
            connection.execute(
                "insert into $migrations.applied (number, name, checksum) values (%s, %s, %s)",
                [migration.number, migration.name, migration.checksum],
            )
        log.info("applied migration %s", migration.name)


def known() -> list[Migration]:
    """Every migration of this version, in order."""
    files = sorted(FOLDER.glob("*.sql"))
    migrations = [Migration(int(file.name[:4]), file.name, file.read_text(encoding="utf-8")) for file in files]
    if [each.number for each in migrations] != list(range(1, len(migrations) + 1)):
        message = f"{FOLDER.name}: the files must be numbered 0001, 0002 and so on, each number once"
        raise WarehouseMismatch(message)
    return migrations


def _check(migrations: Sequence[Migration], applied: Sequence[tuple[int, str, str]]) -> None:
    """What was applied must be the first of these migrations, unchanged."""
    later = [name for number, name, _ in applied if number > len(migrations)]
    if later:
        message = (
            f"the warehouse was made by a later version of Lifecycle, which applied {', '.join(later)}:"
            " upgrade Lifecycle to that version, or restore the backup made before the upgrade"
        )
        raise WarehouseMismatch(message)
    changed = [
        f"{migration.name} (applied as {name})" if name != migration.name else name
        for migration, (_, name, checksum) in zip(migrations, applied, strict=False)
        if (name, checksum) != (migration.name, migration.checksum)
    ]
    if changed:
        message = (
            f"migrations that this warehouse was made by have changed since: {', '.join(changed)};"
            " restore these files as they were released, and put the change into a new file with the next number"
        )
        raise WarehouseMismatch(message)


def _make_document_table(connection: Connection, kind: str, stream: str) -> None:
    names = {"table": document_table(kind, stream), "index": sql.Identifier(f"{kind}__{stream}_loaded_at")}
    connection.execute(
        sql.SQL(
            "create table if not exists {table} ("
            "id text primary key, source text not null, cursor_at timestamptz, doc jsonb not null,"
            " loaded_at timestamptz not null, is_deleted boolean not null default false);"
            "create index if not exists {index} on {table} (loaded_at)"
        ).format(**names)
    )
