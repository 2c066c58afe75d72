"""The reading of a shop's database by queries of the marketer's file, in transactions that only read.

A query may take ``:since``, the moment from which on rows may have changed; without it, every night reads all of its
rows. The first reading takes 1970.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import URL, CursorResult, Engine, NullPool, create_engine, make_url, text
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    InterfaceError,
    NoSuchModuleError,
    OperationalError,
    SQLAlchemyError,
)

from lifecycle.errors import AccessDenied, LifecycleError, RetryLater, SettingsInvalid
from lifecycle.settings import Connection
from lifecycle.sources import Pages, Stream, StreamSpec
from lifecycle.sources.mapped import SqlTable
from lifecycle.sources.mapping import PAGE_SIZE, TableMapping, check_columns, listed, mapping_of, pages
from lifecycle.sources.sql import SqlShop

#: An Airflow connection's type → SQLAlchemy's name of database and driver.
DIALECTS = {
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
    "mssql": "mssql+pyodbc",
    "oracle": "oracle+oracledb",
    "sqlite": "sqlite",
}
#: Seconds; for an answer it holds by statement or by fetch, whichever the database limits.
CONNECT_WITHIN, ANSWER_WITHIN = 10, 600
TIME_LIMITS: Mapping[str, dict[str, Any]] = {
    "postgresql": {"connect_timeout": CONNECT_WITHIN},
    "mysql": {"connect_timeout": CONNECT_WITHIN, "read_timeout": ANSWER_WITHIN},
    "mariadb": {"connect_timeout": CONNECT_WITHIN, "read_timeout": ANSWER_WITHIN},
    "mssql": {"timeout": CONNECT_WITHIN},
}
#: What a reading begins with, where the database knows it; SQL Server is only never asked to commit.
ONLY_READ: Mapping[str, tuple[str, ...]] = {
    "postgresql": ("set transaction read only", f"set local statement_timeout = '{ANSWER_WITHIN}s'"),
    "mysql": ("set session transaction read only",),
    "mariadb": ("set session transaction read only",),
    "oracle": ("set transaction read only",),
    "sqlite": ("pragma query_only = on",),
}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TAKES_SINCE = re.compile(r"(?<![:\w\\]):since\b")
OTHER_NAMES = re.compile(r"(?<![:\w\\]):(?!since\b)(?=\w)")
#: States of the SQL standard, and words of databases that give none.
STATES_DENIED = re.compile("28...|42501|3D000")
WORDS_DENIED = re.compile(
    "authentication|pg_hba|no password|role .* does not exist|database .* does not exist"
    "|access denied|command denied|permission (was )?denied|login failed|ORA-01017|ORA-01031",
    re.IGNORECASE,
)
QUERY_WRONG = re.compile("no such|syntax error|unknown column|readonly database", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Query:
    """One table of the marketer's file and the database that it is asked of."""

    database: Engine
    table: SqlTable
    mapping: TableMapping

    @property
    def name(self) -> str:
        """Its name for people."""
        return f"query {self.mapping.stream}"

    @property
    def takes_since(self) -> bool:
        """Whether it can give only what changed."""
        return bool(TAKES_SINCE.search(self.table.query))


def streams(shop: SqlShop, connection: Connection, wanted: Mapping[str, StreamSpec]) -> list[Stream]:
    """The orders, and the customers where there is a query for them."""
    database, tables = _engine(connection), {"orders": shop.orders, "customers": shop.customers}
    queries = [
        (spec, _Query(database, table, mapping_of(shop, name, table)))
        for name, spec in wanted.items()
        if (table := tables[name])
    ]
    return [
        Stream.of(
            spec,
            query.mapping.changed_at,
            pages=partial(_pages, query),
            overlap=timedelta(days=shop.overlap_days),
            listing=partial(_listing, query),
            probe=partial(_probe, query),
        )
        for spec, query in queries
    ]


def _engine(connection: Connection) -> Engine:
    """The database, which nothing is asked yet; raises ``SettingsInvalid`` if its driver is not installed."""
    url = _url(connection)
    limits = TIME_LIMITS.get(url.get_backend_name(), {})
    try:
        return create_engine(url, poolclass=NullPool, hide_parameters=True, connect_args=limits)
    except ImportError as error:
        message = f"connection {connection.name}: install the Python package {error.name!r}, which reads its database"
        raise SettingsInvalid(message) from None
    except NoSuchModuleError:
        message = (
            f"connection {connection.name}: SQLAlchemy knows no database '{url.drivername}'; is its package installed?"
        )
        raise SettingsInvalid(message) from None


def _url(connection: Connection) -> URL:
    """The extra ``sqlalchemy_url``, with login and password of the connection; else what its other parts say."""
    options = {key: value for key, value in connection.extra.items() if isinstance(value, str)}
    address = options.pop("sqlalchemy_url", None)
    if address:
        try:
            url = make_url(address)
        except ArgumentError:
            message = f"connection {connection.name}: 'sqlalchemy_url' must be like mysql+pymysql://host/database"
            raise SettingsInvalid(message) from None
        return url.set(username=url.username or connection.login or None, password=url.password or connection.password)
    if connection.kind not in DIALECTS:
        known = ", ".join(DIALECTS)
        message = f"connection {connection.name}: its type must be one of {known}; or give 'sqlalchemy_url' in extra"
        raise SettingsInvalid(message)
    is_file = connection.kind == "sqlite"
    return URL.create(
        DIALECTS[connection.kind],
        username=connection.login or None,
        password=connection.password or None,
        host=None if is_file else connection.host or None,
        port=connection.port,
        database=(connection.host if is_file else connection.schema) or None,
        query=options,
    )


@contextmanager
def _answer(query: _Query, since: datetime, *, rows: bool = True) -> Iterator[CursorResult[Any]]:
    """What the query gives, row by row as it is asked for; without ``rows``, only its columns."""
    dialect = query.database.dialect.name
    asked = OTHER_NAMES.sub(r"\\:", query.table.query.strip().rstrip(";"))
    if not rows and dialect != "mssql":  # which allows no sorting inside
        asked = f"select * from (\n{asked}\n) probe where 1 = 0"  # noqa: S608 - the marketer's own query
    # others compare with times that don't know their zone
    moment = since if dialect == "postgresql" else since.astimezone(query.mapping.zone).replace(tzinfo=None)
    values = {"since": moment} if query.takes_since else {}
    try:
        with query.database.connect() as connection:
            for statement in ONLY_READ.get(dialect, ()):
                connection.exec_driver_sql(statement)
            if dialect == "postgresql":
                connection.execute(text("select set_config('TimeZone', :zone, true)"), {"zone": query.mapping.zone.key})
            streaming = connection.execution_options(stream_results=True, yield_per=PAGE_SIZE)
            answer = streaming.execute(text(asked), values)
            check_columns(list(answer.keys()), query.mapping, query.name)
            yield answer
    except SQLAlchemyError as error:
        raise _refusal(error, query) from None


def _refusal(error: SQLAlchemyError, query: _Query) -> LifecycleError:
    """What to do about a database's error, without its words, which quote the query, its values and the address."""
    kind = type(getattr(error, "orig", None) or error).__name__
    state, words = getattr(getattr(error, "orig", None), "sqlstate", None) or "", str(error).partition("[SQL:")[0]
    if STATES_DENIED.fullmatch(state) or WORDS_DENIED.search(words):
        return AccessDenied(f"{query.name}: the database refuses the login, or reading what the query names ({kind})")
    is_lost = isinstance(error, DBAPIError) and error.connection_invalidated
    if is_lost or (isinstance(error, OperationalError | InterfaceError) and not QUERY_WRONG.search(words)):
        return RetryLater(f"{query.name}: the database can't be reached, or took too long ({kind})")
    return SettingsInvalid(f"{query.name}: the database can't answer {query.mapping.stream}.query ({kind})")


def _pages(query: _Query, since: datetime | None) -> Pages:
    with _answer(query, since or EPOCH) as answer:
        rows = ((number, dict(row)) for number, row in enumerate(answer.mappings(), 1))
        yield from pages(rows, query.mapping, query.name)


def _listing(query: _Query) -> Pages:
    """The keys of all rows; one without a key was never landed."""
    with _answer(query, EPOCH) as answer:
        for rows in answer.mappings().partitions(PAGE_SIZE):
            yield [key for row in rows if (key := listed(dict(row), query.mapping))]


def _probe(query: _Query) -> None:
    """Ask for the columns alone."""
    with _answer(query, datetime.now(UTC), rows=False):
        pass
