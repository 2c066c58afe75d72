"""The ESP's database: SQLite in a file or in memory, one connection, every change one transaction.

Times are epoch seconds. With a file, a committed transaction survives the end of the process in whatever way.
"""

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SCHEMA = """
create table if not exists contact (
    id text primary key, email text unique, reserved text not null, custom text not null,
    created_at integer not null, updated_at integer not null);
create table if not exists list (id text primary key, name text not null unique);
create table if not exists membership (
    list_id text not null references list on delete cascade,
    contact_id text not null references contact on delete cascade,
    added_at integer not null, primary key (list_id, contact_id)) without rowid;
create index if not exists membership_contact on membership (contact_id);
create table if not exists field (
    number integer primary key autoincrement, id text unique,
    name text not null unique collate nocase, field_type text not null);
create table if not exists job (
    number integer primary key autoincrement, id text not null unique, kind text not null,
    payload blob, fate text,
    status text not null default 'pending', polls integer not null default 0, submitted real not null,
    started_at integer not null, finished_at integer, results text not null);
create table if not exists stale (looks integer not null);
create table if not exists export (
    id text primary key, polls integer not null default 0, created_at integer not null,
    file text not null, contact_count integer not null);
create table if not exists file (token text primary key, name text not null, body blob not null);
create table if not exists suppression (
    kind text not null, email text not null, created integer not null, reason text, status text);
create index if not exists suppression_order on suppression (kind, created desc, email);
create table if not exists suppression_group (
    id integer primary key, name text not null, description text not null);
create table if not exists group_member (
    group_id integer not null, email text not null, created_at integer not null);
create table if not exists single_send (
    id text primary key, name text not null, categories text not null, status text not null,
    send_at integer, created_at integer not null, updated_at integer not null);
create table if not exists statistics (
    kind text not null, id text not null, counts text not null, primary key (kind, id)) without rowid;
create table if not exists message (
    msg_id text not null, from_email text not null, subject text not null, to_email text not null,
    status text not null, opens_count integer not null, clicks_count integer not null,
    last_event_time integer not null,
    primary key (msg_id, last_event_time));
"""


class Store:
    """The connection; `rows`, `row` and `value` read, `run` writes inside `transaction()`."""

    def __init__(self, path: Path | None) -> None:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path or ":memory:", check_same_thread=False, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._lock = threading.RLock()
        for pragma in ("journal_mode = wal", "synchronous = normal", "foreign_keys = on"):
            self._db.execute(f"pragma {pragma}")
        self._db.executescript(SCHEMA)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make the changes inside one transaction; a nested one joins the outer."""
        with self._lock:
            if self._db.in_transaction:
                yield
                return
            self._db.execute("begin immediate")
            try:
                yield
            except BaseException:
                self._db.execute("rollback")
                raise
            self._db.execute("commit")

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """Return all rows of a query."""
        with self._lock:
            return [dict(row) for row in self._db.execute(sql, parameters)]

    def row(self, sql: str, parameters: Sequence[Any] = ()) -> dict[str, Any] | None:
        """Return the first row, or None."""
        with self._lock:
            row = self._db.execute(sql, parameters).fetchone()
        return None if row is None else dict(row)

    def value(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        """Return the first column of the first row, or None."""
        row = self.row(sql, parameters)
        return None if row is None else next(iter(row.values()))

    def run(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Change something; return the number of rows that changed."""
        with self._lock:
            return self._db.execute(sql, parameters).rowcount

    def run_many(self, sql: str, parameters: Sequence[Sequence[Any]]) -> None:
        """Change something once per set of parameters."""
        with self.transaction():
            self._db.executemany(sql, parameters)

    def snapshot(self) -> bytes:
        """Return all that is stored."""
        with self._lock:
            return self._db.serialize()

    def restore(self, snapshot: bytes) -> None:
        """Store what a snapshot holds, and nothing else."""
        kept = sqlite3.connect(":memory:")
        kept.deserialize(snapshot)
        with self._lock:
            kept.backup(self._db)
        kept.close()

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._db.close()
