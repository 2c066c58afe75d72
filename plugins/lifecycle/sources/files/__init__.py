"""Orders and customers in files: CSV, JSON lines or Parquet, in a folder, a bucket or on a web server."""

from collections.abc import Mapping
from datetime import date
from typing import Literal

from lifecycle.settings import Connection
from lifecycle.sources import SourceKind, Stream, StreamSpec
from lifecycle.sources.mapped import FileTable, MappedShop, specs


class FileShop(MappedShop):
    """By files in a folder or a bucket; ``connection`` holds the bucket's credentials, if it needs any."""

    kind: Literal["files"]
    connection: str | None = None
    orders: FileTable
    customers: FileTable | None = None


def _connect(shop: FileShop, connection: Connection, run_date: date, wanted: Mapping[str, StreamSpec]) -> list[Stream]:
    from lifecycle.sources.files.reader import streams

    return streams(shop, connection, run_date, wanted)


SOURCE = SourceKind("files", FileShop, specs("to list and to read the files"), _connect)
