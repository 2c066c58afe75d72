"""The reading of files, whatever storage they lie in.

A file is read once, and again when it or the mapping has changed; the one that was written last has the last word
about an order. What a file doesn't hold any more stays.
"""

import gzip
import hashlib
import logging
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import fsspec
from fsspec.core import split_protocol, url_to_fs
from fsspec.registry import known_implementations

from lifecycle.errors import AccessDenied, AnswerUnreadable, LifecycleError, RetryLater, SettingsInvalid
from lifecycle.settings import Connection
from lifecycle.sources import Page, Pages, Part, Stream, StreamSpec, moment
from lifecycle.sources.files import FileShop, rows
from lifecycle.sources.mapped import FileTable
from lifecycle.sources.mapping import TableMapping, mapping_of, pages

#: A file that changed so lately may still be being written.
SETTLED_AFTER = timedelta(seconds=60)
#: Raise it when the code makes something else of the same file: every file is then read again.
READING = 1
#: What each kind of storage calls an account, its secret and its address.
SIGN_IN = {
    "s3": ("key", "secret", "endpoint_url"),
    "s3a": ("key", "secret", "endpoint_url"),
    "abfs": ("account_name", "account_key", "account_host"),
    "az": ("account_name", "account_key", "account_host"),
    "sftp": ("username", "password", "host"),
    "ftp": ("username", "password", "host"),
    "smb": ("username", "password", "host"),
}
#: Where a storage says that a file has other contents, and when it got them.
ETAGS = ("ETag", "etag", "Content-MD5")
MODIFIED = ("mtime", "LastModified", "last_modified", "Last-Modified", "updated", "modified", "modify", "created")
REFUSED, GONE = {401, 403}, 404

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Files:
    """The files of one stream: what they are, how to read them, and where they lie."""

    table: FileTable
    mapping: TableMapping
    system: fsspec.AbstractFileSystem
    pattern: str


def streams(shop: FileShop, connection: Connection, run_date: date, wanted: Mapping[str, StreamSpec]) -> list[Stream]:
    """The orders, and the customers where there are files of them."""
    tables = {"orders": shop.orders, "customers": shop.customers}
    return [
        _stream(spec, shop, table, connection, run_date) for name, spec in wanted.items() if (table := tables[name])
    ]


def _stream(spec: StreamSpec, shop: FileShop, table: FileTable, connection: Connection, run_date: date) -> Stream:
    system, pattern = _file_system(table.files, connection, f"{spec.name}.files")
    files = _Files(table, mapping_of(shop, spec.name, table), system, pattern)
    parts = partial(_parts, files, run_date)
    return Stream.of(
        spec,
        files.mapping.changed_at,
        parts=parts,
        probe=lambda: next((next(part.pages(), None) for part in parts()), None),
    )


def _file_system(pattern: str, connection: Connection, place: str) -> tuple[fsspec.AbstractFileSystem, str]:
    """The storage that a pattern lies in, and the pattern there; nothing is kept from one run to the next."""
    protocol = split_protocol(pattern)[0] or "file"
    names = SIGN_IN.get(protocol, ("", "", ""))
    sign_in = zip(names, (connection.login, connection.password, connection.host), strict=True)
    options: dict[str, Any] = {name: value for name, value in sign_in if name and value}
    if connection.port and "host" in names:
        options["port"] = connection.port
    fresh = {"skip_instance_cache": True, "use_listings_cache": False}
    try:
        with _guarded(place):
            system, path = url_to_fs(pattern, **fresh, **options, **connection.extra)
            return system, str(path)
    except ImportError:
        needed = known_implementations.get(protocol, {}).get("err", "its package is not installed")
        message = f"{place}: '{protocol}://' can't be read here: {needed}"
        raise SettingsInvalid(message) from None
    except AnswerUnreadable:
        message = f"{place}: '{protocol}://' is not a known kind of storage, or its options are wrong"
        raise SettingsInvalid(message) from None


@contextmanager
def _guarded(place: str) -> Iterator[None]:
    """Say what went wrong with a storage without its own words, which may hold addresses and keys."""
    try:
        yield
    except (LifecycleError, ImportError):
        raise
    except UnicodeDecodeError:
        message = f"{place}: is not encoded as the settings say; state its 'encoding'"
        raise SettingsInvalid(message) from None
    except (EOFError, zlib.error, gzip.BadGzipFile, ArithmeticError, LookupError, TypeError, ValueError) as error:
        message = f"{place}: is damaged, cut short or of another format ({type(error).__name__})"
        raise AnswerUnreadable(message) from None
    except Exception as error:  # noqa: BLE001 - every kind of storage has errors of its own
        statuses = {getattr(each, "status", None) for each in (error, error.__cause__)}
        if isinstance(error, PermissionError) or statuses & REFUSED or "Credentials" in type(error).__name__:
            message = f"{place}: may not be read ({type(error).__name__})"
            raise AccessDenied(message) from None
        message = f"{place}: can't be read ({type(error).__name__})"
        raise RetryLater(message) from None


def _parts(files: _Files, run_date: date) -> Iterator[Part]:
    """Every file that nobody is writing, in the order in which they were written."""
    place, now = f"{files.mapping.stream}.files", datetime.now(UTC)
    with _guarded(place):
        infos = _matching_files(files.system, files.pattern)
    complete = [each for each in infos if not _is_fresh(each, now)]
    if not infos:
        log.warning("%s: there is no file yet", place)
    if len(complete) < len(infos):
        patience = f"{SETTLED_AFTER.total_seconds():.0f} seconds"
        log.warning(
            "%s: %d changed less than %s ago: left to the next run", place, len(infos) - len(complete), patience
        )
    earliest = datetime.min.replace(tzinfo=UTC)
    for info in sorted(complete, key=lambda info: (_modified(info) or earliest, info["name"])):
        version = f"{_mark(info) or run_date} {_reading_mark(files)}"
        yield Part(_shown(info["name"]), version, partial(_pages, files, info))


def _matching_files(system: fsspec.AbstractFileSystem, pattern: str) -> list[dict[str, Any]]:
    """What the storage knows of every file of a pattern; a folder that is not there has none."""
    signs = "*[" if "://" in pattern else "*?["  # an address may have a query
    folder = pattern[: min((pattern.find(sign) for sign in signs if sign in pattern), default=len(pattern))]
    try:
        if folder == pattern:
            infos = [system.info(pattern)]
        else:
            system.ls(folder.rpartition("/")[0] or "/", detail=False)  # the search below passes over errors
            infos = list(system.glob(pattern, detail=True).values())
    except FileNotFoundError as error:
        if getattr(error.__cause__, "status", GONE) != GONE:
            raise
        return []
    infos = [info for info in infos if info["type"] == "file"]
    return [info if _mark(info) else {**info, **system.info(info["name"])} for info in infos]


def _modified(info: Mapping[str, Any]) -> datetime | None:
    """When a file was written, in whatever way its storage says so; ``None`` if it doesn't."""
    value = next((info[name] for name in MODIFIED if info.get(name) is not None), None)
    if isinstance(value, int | float):
        return datetime.fromtimestamp(value, UTC)
    if isinstance(value, datetime):
        return value.replace(tzinfo=value.tzinfo or UTC).astimezone(UTC)
    try:
        return moment(value) or (parsedate_to_datetime(value).astimezone(UTC) if isinstance(value, str) else None)
    except ValueError:
        return None


def _is_fresh(info: Mapping[str, Any], now: datetime) -> bool:
    modified = _modified(info)
    return modified is not None and abs(now - modified) < SETTLED_AFTER


def _mark(info: Mapping[str, Any]) -> str:
    """What changes with a file's contents: size with an etag or a time; empty if the storage tells neither."""
    etag = next((str(info[name]) for name in ETAGS if info.get(name)), "")
    modified = _modified(info)
    mark = etag or (modified.isoformat() if modified else "")
    return f"{info.get('size')} {mark}" if mark else ""


def _reading_mark(files: _Files) -> str:
    """What changes with the way in which files are read."""
    how = f"{READING} {files.mapping.zone.key} {files.table.model_dump_json(exclude={'files'})}"
    return hashlib.sha256(how.encode()).hexdigest()[:16]


def _shown(path: str) -> str:
    """A file's name for people: without the host, and with a mark in the place of a query."""
    if "://" not in path:
        return path
    parts = urlsplit(path)
    return parts.path + (f" ({hashlib.sha256(parts.query.encode()).hexdigest()[:8]})" if parts.query else "")


def _pages(files: _Files, info: Mapping[str, Any]) -> Pages:
    """A file's pages; raises ``RetryLater`` if it changed while it was read."""
    path, name = info["name"], _shown(info["name"])
    with _guarded(name):
        if info.get("size") == 0:
            log.info("%s: the file is empty", name)
            yield Page()
            return
        with files.system.open(path, "rb") as file:
            unpacked = gzip.GzipFile(fileobj=file) if urlsplit(path).path.endswith(".gz") else file
            numbered_rows = rows.READERS[files.table.format](unpacked, files.table, files.mapping, name)
            yield from pages(numbered_rows, files.mapping, name)
        if _mark(info) and _mark({**info, **files.system.info(path)}) != _mark(info):
            message = f"{name}: the file changed while it was read"
            raise RetryLater(message)
