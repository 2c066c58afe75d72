"""The warehouse's database on a PostgreSQL server of its own, which can be restarted, and taken back to a backup."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psycopg
from psycopg import sql

from demo import postgres

ALONE = "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s and pid <> pg_backend_pid()"


@dataclass
class Server:
    """A database on the server of a folder."""

    home: Path
    database: str
    has_backup: bool = False

    @property
    def backup_name(self) -> str:
        """The database that holds the backup."""
        return f"{self.database}_backup"

    @property
    def url(self) -> str:
        """The database's address."""
        return postgres.url(self.home, self.database)

    def create(self, template: str = "template1") -> None:
        """Make the database: what it has committed outlives the server's end, as anywhere but in the demo."""
        self.drop()
        postgres.create_database(self.home, self.database, template)
        self._run(sql.SQL("alter database {} set synchronous_commit = on").format(sql.Identifier(self.database)))

    def drop(self) -> None:
        """Delete the database, whoever is connected to it."""
        postgres.drop_database(self.home, self.database)

    def restart(self, mode: Literal["fast", "immediate"]) -> None:
        """Restart the server; ``immediate`` leaves it to recover."""
        postgres.stop(self.home, mode)
        postgres.start(self.home)

    def keep(self) -> None:
        """Keep the database as it is."""
        postgres.drop_database(self.home, self.backup_name)
        self._run(ALONE, self.database)
        postgres.create_database(self.home, self.backup_name, self.database)
        self.has_backup = True

    def restore(self) -> None:
        """Take the database back to what was kept."""
        self.create(self.backup_name)

    def close(self) -> None:
        """Delete the database and its backup."""
        self.drop()
        postgres.drop_database(self.home, self.backup_name)

    def _run(self, statement: str | sql.Composed, *values: object) -> None:
        with psycopg.connect(postgres.url(self.home), autocommit=True) as connection:
            connection.execute(statement.encode() if isinstance(statement, str) else statement, values or None)
