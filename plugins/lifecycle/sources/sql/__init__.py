"""Orders and customers out of a shop's database, by queries of the marketer's file."""

from collections.abc import Mapping
from datetime import date
from typing import Literal

from lifecycle.settings import Connection
from lifecycle.sources import SourceKind, Stream, StreamSpec
from lifecycle.sources.mapped import MappedShop, SqlTable, specs


class SqlShop(MappedShop):
    """By queries on the shop's database."""

    kind: Literal["sql"]
    connection: str
    orders: SqlTable
    customers: SqlTable | None = None


def _connect(shop: SqlShop, connection: Connection, _: date, wanted: Mapping[str, StreamSpec]) -> list[Stream]:
    from lifecycle.sources.sql.reader import streams

    return streams(shop, connection, wanted)


SOURCE = SourceKind("sql", SqlShop, specs("SELECT on the tables of the query"), _connect)
