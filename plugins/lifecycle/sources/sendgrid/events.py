"""Files of the event webhook: each line is an event, or a list of events as SendGrid posts it.

The files lie in a folder of any file system that fsspec knows, ``.jsonl`` or ``.jsonl.gz``, at any depth.
"""

import json
import logging
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

from lifecycle.errors import AccessDenied, RetryLater, SettingsInvalid
from lifecycle.sources import UNWRITABLE, Document, Page, Pages, Part, Reject
from lifecycle.web import parsed

#: Raise it when a line gives other events than before: all files are then read again.
READING = 1
ENDINGS = (".jsonl", ".jsonl.gz")
#: What file systems call the mark of a file's latest change.
MARKS = ("ETag", "etag", "mtime", "LastModified", "last_modified", "updated", "created")

log = logging.getLogger(__name__)


def parts(folder: str | None, page_size: int, options: Mapping[str, Any] | None = None) -> Iterator[Part]:
    """A part per file below the folder, or below what its pattern (``*``) matches.

    ``options`` are the file system's own. Raises ``SettingsInvalid`` where nothing is there: a mistyped
    name would otherwise look like people who never open anything.
    """
    if folder is None:
        return
    with _reaching("event_files"):
        from fsspec.core import url_to_fs

        system, root = url_to_fs(folder, **(options or {}))
        others = 0
        for name, info in _files(system, root):
            if name.endswith(ENDINGS):
                yield Part(name, _version(info), partial(_pages, system, name, page_size))
            else:
                others += 1
    if others:
        log.warning("event_files: %d files end in neither %s, and are not read", others, " nor ".join(ENDINGS))


def _files(system: Any, root: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Name → what the file system knows of each file."""
    infos = system.glob(root, detail=True) if any(sign in root for sign in "*?[") else {root: system.info(root)}
    if not infos:
        raise FileNotFoundError
    for name, info in sorted(infos.items()):
        below = system.find(name, detail=True) if info["type"] == "directory" else {name: info}
        yield from sorted(below.items())


def _version(info: Mapping[str, Any]) -> str:
    mark = next((str(info[key]) for key in MARKS if info.get(key)), "")
    return f"{READING}/{info.get('size')}/{mark}"


def _pages(system: Any, name: str, page_size: int) -> Pages:
    """The events of one file; a line with something that is not an event is a reject, its other events are read."""
    page, rejects = list[Document](), list[Reject]()
    for number, line in _lines(system, name):
        events, reason, misfits = _events(line)
        page += events
        if reason:
            rejects.append(Reject(name, number, reason, UNWRITABLE.sub("\ufffd", misfits)))
        if len(page) + len(rejects) >= page_size:
            yield Page(page, rejects=rejects)
            page, rejects = [], []
    yield Page(page, rejects=rejects)


def _lines(system: Any, name: str) -> Iterator[tuple[int, bytes]]:
    """The numbered lines that hold something."""
    with _reaching(name), system.open(name, "rb", compression="infer") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                yield number, line


def _events(line: bytes) -> tuple[list[Document], str, str]:
    """The events of a line; why the rest of it is none, and that rest."""
    try:
        value = parsed(line)
    except (ValueError, RecursionError):
        return [], "the line is not valid JSON", line.decode(errors="replace").rstrip("\r\n")
    items = value if isinstance(value, list) else [value]
    misfits = [item for item in items if not _has_id(item)]
    if not misfits:
        return items, "", ""
    reason = f"sg_event_id must be a text ({len(misfits)} of the line's {len(items)} events)"
    return [item for item in items if _has_id(item)], reason, json.dumps(misfits)


def _has_id(event: Any) -> bool:
    key = event.get("sg_event_id") if isinstance(event, dict) else None
    return isinstance(key, str) and key != ""


@contextmanager
def _reaching(place: str) -> Iterator[None]:
    """Make a file system's errors ours; their own words may hold more than a place."""
    try:
        yield
    except FileNotFoundError:
        message = f"{place}: nothing is there"
        raise SettingsInvalid(message) from None
    except PermissionError:
        message = f"{place}: may not be read"
        raise AccessDenied(message) from None
    except (ImportError, ValueError) as error:
        message = f"{place}: no such file system, or its package is not installed ({type(error).__name__})"
        raise SettingsInvalid(message) from None
    except (OSError, EOFError, zlib.error) as error:
        message = f"{place}: can't be read to its end ({type(error).__name__})"
        raise RetryLater(message) from None
