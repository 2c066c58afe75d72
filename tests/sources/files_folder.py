"""A folder of files of orders, and what a source reads from it."""

import os
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from lifecycle.settings import Connection
from lifecycle.sources import Reject, Stream, source_kind
from lifecycle.sources.files import FileShop

RUN_DATE = date(2026, 3, 31)
COLUMNS = {"order_id": "id", "ordered_at": "at", "total": "total", "email": "email"}
HEADER = "id,at,total,email\r\n"
NOBODY = Connection("files")


def shop(pattern: object, **table: Any) -> FileShop:
    orders = {"files": str(pattern), "format": "csv", "columns": COLUMNS, **table}
    return FileShop.model_validate(
        {
            "kind": "files",
            "timezone": "Europe/Zurich",
            "currency": "CHF",
            "orders": orders,
            "first_business_day": RUN_DATE,
        }
    )


@dataclass
class Folder:
    """A folder of files that were all written some minutes ago, each a little later than the one before."""

    path: Path
    at: float

    def write(self, name: str, content: bytes | str, age: float = 0) -> Path:
        file = self.path / name
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        self.at += 1
        os.utime(file, (self.at - age, self.at - age))
        return file

    def stream(self, pattern: str = "*", **table: Any) -> Stream:
        return source_kind("files").open(shop(self.path / pattern, **table), NOBODY, RUN_DATE)[0]

    def read(self, pattern: str = "*", **table: Any) -> tuple[list[dict[str, Any]], list[Reject]]:
        stream = self.stream(pattern, **table)
        assert stream.parts
        pages = [page for part in stream.parts() for page in part.pages()]
        rejects = [reject for page in pages for reject in page.rejects]  # type: ignore[attr-defined]
        return [document for page in pages for document in page], rejects


def row(n: object, email: str = "ada@example.com") -> str:
    return f"{n},2026-03-02T12:00:00Z,12.50,{email}\r\n"


def ids(documents: list[dict[str, Any]]) -> list[str]:
    return [document["order_id"] for document in documents]


def reasons(rejects: list[Reject]) -> list[tuple[int, str]]:
    return [(reject.line, reject.reason) for reject in rejects]
