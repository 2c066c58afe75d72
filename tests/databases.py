"""Databases for tests: empty ones, and copies of one that was filled once."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from demo import postgres
from lifecycle import extract, warehouse

#: Fills the database at a URL, and closes what it has opened.
Fill = Callable[[str], object]


def with_schemas(url: str) -> None:
    """What a night finds before anything was read: schemas and tables of our own, none of a source's."""
    warehouse.prepare(url, [])


def with_every_stream(url: str) -> None:
    """As ``with_schemas``, with the tables of every stream of every kind of source."""
    extract.prepare(url)


@dataclass(frozen=True)
class NewDatabase:
    """Makes databases on one server."""

    home: Path
    templates: dict[Fill, str] = field(default_factory=dict)

    def __call__(self, fill: Fill | None = None) -> str:
        """The URL of an empty database, or of a copy of one that ``fill`` has filled when it was first asked for."""
        name = f"test_{uuid4().hex}"
        if fill is None:
            return postgres.create_database(self.home, name)
        if fill not in self.templates:
            template = f"template_{uuid4().hex}"
            fill(postgres.create_database(self.home, template))
            self.templates[fill] = template
        return postgres.create_database(self.home, name, self.templates[fill])
