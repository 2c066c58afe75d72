"""The names of the schemas: SQL writes ``$marts.customers``, and the installation's prefix decides what that is.

``LIFECYCLE_SCHEMA_PREFIX`` goes before the name of every schema, so that Lifecycle fits into a database whose ``raw``
or ``marts`` belong to somebody else.
"""

import re
from functools import lru_cache

from psycopg import sql
from psycopg.abc import Query

from lifecycle.settings.environment import schema_prefix

#: Every schema but those in which a source's documents land, ``landing_<source>``.
SCHEMAS = (
    *("raw", "seeds", "staging", "intermediate", "marts"),
    *("delivery", "quality", "statistics", "access", "migrations"),
)
# "$raw$" would open a quoted text
MARKER = re.compile(rf"\$({'|'.join(SCHEMAS)})(?![\w$])")


def schema_name(name: str) -> str:
    """What a schema is called in this installation."""
    return f"{schema_prefix()}{name}"


def resolved(query: Query) -> bytes | sql.Composed:
    """A statement with the names of the schemas for every ``$schema``; its identifiers and values stay as they are."""
    if isinstance(query, sql.Composed):
        return sql.Composed([_part(each) for each in query])
    if isinstance(query, bytes):
        return resolved_text(query.decode()).encode()
    if isinstance(query, str | sql.SQL):
        return resolved_text(query if isinstance(query, str) else query.as_string()).encode()
    message = f"give a statement as text or as psycopg's composable, not as {type(query).__name__}"
    raise TypeError(message)


def resolved_text(text: str) -> str:
    """SQL with the names of the schemas for every ``$schema``."""
    return _with_prefix(text, schema_prefix())


@lru_cache(maxsize=1024)
def _with_prefix(text: str, prefix: str) -> str:
    return MARKER.sub(lambda match: f"{prefix}{match[1]}", text)


def _part(part: sql.Composable) -> sql.Composable:
    if isinstance(part, sql.Composed):
        return sql.Composed([_part(each) for each in part])
    if isinstance(part, sql.SQL):
        return sql.SQL(resolved_text(part.as_string()))
    return part
