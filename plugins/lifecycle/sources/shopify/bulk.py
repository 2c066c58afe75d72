"""Bulk operations: Shopify writes all it has into a file of JSON lines, which is fetched whole before it is read."""

import tempfile
import time
from collections.abc import Iterable, Iterator
from datetime import timedelta
from itertools import islice
from typing import Any

import requests

from lifecycle.errors import AccessDenied, AnswerUnreadable, RetryLater
from lifecycle.sources import Document, Page, Pages
from lifecycle.sources.shopify.admin import Admin
from lifecycle.sources.shopify.queries import BULK_STATE, RUN_BULK
from lifecycle.web import Session, parsed, part

BULK_PAGE = 1000
PATIENCE = timedelta(hours=6)
CHUNK = 1 << 20
#: Bulk operations of this app that have to end first.
BUSY = {"OPERATION_IN_PROGRESS", "LIMIT_REACHED"}


def everything(admin: Admin, query: str, *, has_lines: bool) -> Pages:
    """Run a bulk operation and read its file; a file that is not whole is an error."""
    state = _finished(admin, _started(admin, query))
    total, read = int(part(state, "rootObjectCount")), 0
    if not total:
        return
    with Download() as download:
        download.get(part(state, "url", str))
        documents = _documents(download.lines(), has_lines=has_lines)
        while page := Page(islice(documents, BULK_PAGE), total=total):
            read += len(page)
            yield page
    if read != total:
        message = f"the bulk operation's file has {read} of {total} documents"
        raise AnswerUnreadable(message)


def _started(admin: Admin, query: str) -> str:
    """The id of a new bulk operation; raises ``RetryLater`` while others have to end first."""
    answer = part(admin.ask(RUN_BULK, query=query), "bulkOperationRunQuery", dict)
    codes = {str(error.get("code")) for error in part(answer, "userErrors", list)}
    if codes & BUSY:
        message = "another bulk operation is running"
        raise RetryLater(message)
    if codes:
        message = f"the bulk operation is refused ({', '.join(sorted(codes))})"
        raise AnswerUnreadable(message)
    return str(part(part(answer, "bulkOperation", dict), "id", str))


def _finished(admin: Admin, operation: str) -> Document:
    """What a completed bulk operation says. Whatever else it ends as, its partial file is not read."""
    until, pause = time.monotonic() + PATIENCE.total_seconds(), 0.1
    while time.monotonic() < until:
        state: Document = part(admin.ask(BULK_STATE, id=operation), "bulkOperation", dict)
        status = part(state, "status", str)
        if status == "COMPLETED":
            return state
        if state.get("errorCode") == "ACCESS_DENIED":
            message = "the bulk operation lacks a scope (ACCESS_DENIED)"
            raise AccessDenied(message)
        if status in {"FAILED", "CANCELED", "EXPIRED"}:
            message = f"the bulk operation ended as '{status}'"
            raise RetryLater(message)
        time.sleep(pause)
        pause = min(pause * 2, 10)
    message = f"the bulk operation is still running after {PATIENCE}"
    raise RetryLater(message)


class Download(Session):
    """Fetches a signed link of another host, so without the token, to disk; what breaks off is fetched again."""

    def __init__(self) -> None:
        super().__init__()
        self.file = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the session

    def close(self) -> None:
        """Forget what was fetched."""
        self.file.close()
        super().close()

    def lines(self) -> Iterable[bytes]:
        """The lines of what was fetched."""
        self.file.seek(0)
        return self.file

    def _send_once(self, request: requests.PreparedRequest, options: dict[str, Any]) -> requests.Response:
        response = super()._send_once(request, {**options, "stream": True})
        self.file.seek(0)
        self.file.truncate()
        try:
            for chunk in response.iter_content(CHUNK):
                self.file.write(chunk)
        except requests.RequestException as error:
            message = f"the bulk operation's file broke off ({type(error).__name__})"
            raise RetryLater(message) from None
        return response


def _documents(lines: Iterable[bytes], *, has_lines: bool) -> Iterator[Document]:
    """Documents as the pages give them, out of lines in which each child stands below its parent."""
    whole: Document = {}
    for line in lines:
        item = _parsed(line)
        parent = item.pop("__parentId", None)
        if parent is None:
            if whole:
                yield whole
            whole = {"lineItems": {"nodes": []}, **item} if has_lines else item
        elif has_lines and parent == whole.get("id"):
            whole["lineItems"]["nodes"].append(item)
        else:
            message = "a line of the bulk operation's file does not stand below its parent"
            raise AnswerUnreadable(message)
    if whole:
        yield whole


def _parsed(line: bytes) -> Document:
    try:
        item = parsed(line)
    except (ValueError, RecursionError):
        item = None
    if not isinstance(item, dict):
        message = "a line of the bulk operation's file is not a JSON object"
        raise AnswerUnreadable(message)
    return item
