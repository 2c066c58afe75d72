"""Read a source's streams and land their documents in ``raw``, with the cursor, in one transaction.

dlt carries the documents into a landing schema of the source's own (Arrow, COPY); from there one
transaction merges every stream and records the pulls. Whatever happens before its commit leaves nothing
behind, and the next run starts at the old cursor.
"""

import contextlib
import json
import logging
import os
import re
import shutil
import tempfile
import time
import zlib
from collections.abc import Generator, Iterable, Iterator
from collections.abc import Set as AbstractSet
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from lifecycle import sources, warehouse
from lifecycle.errors import AnswerUnreadable, LifecycleError, RetryLater
from lifecycle.settings import Connection, Esp, Shop
from lifecycle.sources import Document, Page, Pages, Reject, Stream, document_streams, source_kind

if TYPE_CHECKING:
    import pyarrow as pa

#: Seconds between two lines on how far a stream is.
PROGRESS_EVERY = 10.0
#: More invalid rows than this are not an accident.
MOST_REJECTS = 10_000
#: A NUL, which JSON can write and jsonb can't hold; an even number of backslashes before it is text.
NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Reading:
    """What one stream has yielded so far."""

    stream: Stream
    since: datetime | None
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    pages: int = 0
    documents: int = 0
    total: int | None = None
    cursor_at: datetime | None = None
    known_parts: AbstractSet[tuple[str, str]] = frozenset()
    parts: list[tuple[str, str, int, int]] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)

    def progress(self) -> str:
        """Pages, documents, how many a second, and how many are to come where the source tells."""
        seconds = (datetime.now(UTC) - self.started_at).total_seconds()
        progress = (
            f"{self.pages} pages, {self.documents} documents, {self.documents / max(seconds, 0.001):.0f} a second"
        )
        return progress if self.total is None else f"{progress}, {max(self.total - self.documents, 0)} to come"


def prepare(url: str) -> None:
    """Make the schemas and the document tables of every kind of source."""
    warehouse.prepare(url, document_streams())


def run(url: str, name: str, source: Shop | Esp, connection: Connection, run_date: date) -> dict[str, int]:
    """Pull what changed at a source since its last complete pull; return stream → documents changed.

    Raises an error of ``lifecycle.errors`` that names source, stream and page; nothing has landed then.
    """
    streams = source_kind(source.kind).open(source, connection, run_date)
    return land(url, name, source.kind, streams, run_date)


def land(url: str, name: str, kind: str, streams: list[Stream], run_date: date) -> dict[str, int]:
    """Read streams to their end and land them in ``raw.<kind>__<stream>``; as ``run``."""
    known, parts = warehouse.cursors(url, name), warehouse.known_parts(url, name)
    readings = []
    for stream in streams:
        cursor, since = known.get(stream.name), None
        if cursor:
            since = cursor - stream.overlap
        readings.append(_Reading(stream, since, cursor_at=cursor, known_parts=parts.get(stream.name, frozenset())))
    landing = warehouse.schema_name(f"landing_{name}")
    with warehouse.only_one(url, f"extract {name}"):
        _land(url, landing, [(f"{kind}__{each.stream.name}", _tables(name, each)) for each in readings])
        with warehouse.connect(url) as database:
            changed = {each.stream.name: _merge(database, kind, landing, name, each, run_date) for each in readings}
    log.info("%s: changed documents: %s", name, changed)
    return changed


def documents(name: str, stream: Stream, since: datetime | None = None) -> Iterator[Document]:
    """Every document of a stream as it would be landed; raises as ``run``."""
    for table in _tables(name, _Reading(stream, since)):
        yield from map(json.loads, table.column("doc").to_pylist())  # numbers of any size


def _merge(
    database: warehouse.Connection, kind: str, landing: str, name: str, reading: _Reading, run_date: date
) -> int:
    pull = warehouse.Pull(
        source=name,
        stream=reading.stream.name,
        run_date=run_date,
        started_at=reading.started_at,
        finished_at=datetime.now(UTC),
        pages=reading.pages,
        documents=reading.documents,
        cursor_at=reading.cursor_at,
    )
    warehouse.record_parts(database, pull, reading.parts)
    rejects = [
        (each.file, each.line, each.reason, sources.UNWRITABLE.sub("\ufffd", each.row)) for each in reading.rejects
    ]
    warehouse.record_rejects(database, pull, rejects)
    if reading.rejects:
        log.warning("%s, stream %s: %d rows don't fit: see raw.reject", name, reading.stream.name, len(reading.rejects))
    return warehouse.merge(database, kind, landing, pull)


def _tables(name: str, reading: _Reading) -> Iterator["pa.Table"]:
    """A stream's pages as Arrow tables."""
    logged_at = time.monotonic()
    with contextlib.closing(_read_ahead(_pages(reading))) as pages:
        while (table := _next_table(name, reading, pages)) is not None:
            reading.pages += 1
            if table.num_rows:
                yield table
            if time.monotonic() - logged_at > PROGRESS_EVERY:
                logged_at = time.monotonic()
                log.info("%s, stream %s: %s", name, reading.stream.name, reading.progress())
    log.info("%s, stream %s, whole: %s", name, reading.stream.name, reading.progress())


def _pages(reading: _Reading) -> Pages:
    """What a stream gives: the pages since the last reading, or those of the parts that have not been read yet."""
    stream = reading.stream
    if stream.pages:
        yield from stream.pages(reading.since)
    for part in stream.parts() if stream.parts else ():
        if (part.name, part.version) not in reading.known_parts:
            documents = rejected = 0
            for page in part.pages():
                yield page
                documents += len(page)
                rejected += len(getattr(page, "rejects", ()))
            reading.parts.append((part.name, part.version, documents, rejected))


def _next_table(name: str, reading: _Reading, pages: Pages) -> "pa.Table | None":
    """The next page; ``None`` after the last. An error says at which source, stream and page it happened."""
    with sources.reading(f"{name}, stream {reading.stream.name}, page {reading.pages + 1}"):
        page = next(pages, None)
        if isinstance(page, Page):
            _note(reading, page)
        return None if page is None else _table(name, reading, page)


def _note(reading: _Reading, page: Page) -> None:
    reading.total = page.total if reading.total is None else reading.total
    reading.rejects += page.rejects
    if len(reading.rejects) > MOST_REJECTS:
        message = f"more than {MOST_REJECTS:,} rows don't fit, the first because: {reading.rejects[0].reason}"
        raise AnswerUnreadable(message)


def _read_ahead(pages: Pages) -> Generator[list[Document], None, None]:
    """The same pages; the next one is asked for while this one is worked on."""
    with ThreadPoolExecutor(max_workers=1) as reader:
        coming = reader.submit(next, pages, None)
        while (page := coming.result()) is not None:
            coming = reader.submit(next, pages, None)
            yield page


def _table(name: str, reading: _Reading, page: list[Document]) -> "pa.Table":
    """One page as an Arrow table of ``id, source, cursor_at, doc, loaded_at, is_deleted``."""
    import pyarrow as pa

    moment = pa.timestamp("us", tz="UTC")
    kinds = (pa.string(), pa.string(), moment, pa.string(), moment, pa.bool_())
    now, stream = datetime.now(UTC), reading.stream
    ids = [f"{name}/{sources.document_key(stream, document)}" for document in page]
    changes = [stream.changed_at(document) for document in page]
    reading.documents += len(page)
    reading.cursor_at = _furthest(reading, changes)
    columns = ids, [name] * len(page), changes, [_text(document) for document in page], [now] * len(page)
    arrays = [pa.array(column, kind) for column, kind in zip((*columns, [False] * len(page)), kinds, strict=True)]
    return pa.Table.from_arrays(arrays, names=warehouse.DOCUMENT_COLUMNS)


def _furthest(reading: _Reading, changes: Iterable[datetime | None]) -> datetime | None:
    """Where the next pull starts: the latest change seen, but never later than when this one began."""
    seen = [min(change, reading.started_at) for change in changes if change]
    return max([*seen, *([reading.cursor_at] if reading.cursor_at else [])], default=None)


def _text(document: Document) -> str:
    """The document as JSON that jsonb can hold: NUL and half surrogates become U+FFFD, infinity null."""
    try:
        text = orjson.dumps(document).decode()
    except TypeError:  # a number beyond 64 bits, or half a surrogate pair
        finite = json.loads(json.dumps(document), parse_constant=lambda _: None)
        text = sources.UNWRITABLE.sub("\ufffd", json.dumps(finite, ensure_ascii=False))
    return NUL.sub("\\1\ufffd", text) if "\\u0000" in text else text


def _land(url: str, landing: str, tables: list[tuple[str, Iterator["pa.Table"]]]) -> None:
    """Replace what the landing schema holds by these tables.

    Our own errors come out unwrapped; any other becomes ``RetryLater`` without its words, which may quote a
    row.
    """
    os.environ |= {
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        "RUNTIME__LOG_LEVEL": "CRITICAL",  # its errors quote the database's, which quote the rows
        "PROVIDERS__ENABLE_AIRFLOW_SECRETS": "false",  # or dlt asks Airflow some 800 times a run
        "DATA_WRITER__DISABLE_COMPRESSION": "true",  # packing took two thirds of the time
        "DATA_WRITER__FILE_MAX_ITEMS": "40000",  # several files are loaded side by side
    }
    import dlt
    from dlt.pipeline.exceptions import PipelineStepFailed

    warehouse_mark = zlib.crc32(url.rpartition("@")[2].encode())
    work = Path(tempfile.gettempdir()) / f"lifecycle-{os.getuid()}-{landing}-{warehouse_mark:x}"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(mode=0o700)
    hints: Any = {"doc": {"data_type": "json"}}
    resources = [
        dlt.resource(
            rows,
            name=name,
            columns=hints,
            write_disposition="replace",
            file_format="csv",
            max_table_nesting=0,
        )
        for name, rows in tables
    ]
    destination = dlt.destinations.postgres(credentials=url, create_indexes=False)
    try:
        pipeline = dlt.pipeline(landing, str(work), destination=destination, dataset_name=landing)
        pipeline.run(resources)
    except PipelineStepFailed as error:
        raise _cause(error) from None
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _cause(error: BaseException) -> LifecycleError:
    """Our own error inside dlt's, or one that names what happened innermost."""
    inner: BaseException | None = error
    while inner is not None and not isinstance(inner, LifecycleError):
        error, inner = inner, inner.__cause__ or inner.__context__
    return inner or RetryLater(f"the documents could not be landed ({type(error).__name__})")
