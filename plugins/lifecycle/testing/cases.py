"""Streams at small servers of their vendors: what the contract of sources is tried on."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from lifecycle import extract
from lifecycle.errors import LifecycleError
from lifecycle.settings import Connection
from lifecycle.sources import Document, Stream, source_kind
from lifecycle.testing.server import running

RUN_DATE = date(2017, 12, 31)
BEGIN = datetime(2017, 12, 10, tzinfo=UTC)
#: So many documents are three pages of ``PAGE``.
DOCUMENTS, PAGE = 25, 10


@dataclass
class RecordingHost:
    """A server for many tests: its app is exchanged, calls are noted, and things happen between them."""

    app: ASGIApp | None = None
    url: str = ""
    calls: list[str] = field(default_factory=list)
    keys: list[bytes | None] = field(default_factory=list)
    before_call: dict[int, Callable[[], object]] = field(default_factory=dict)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on one call."""
        self.calls.append(f"{scope['method']} {scope['path']}?{scope['query_string'].decode()}")
        self.keys.append(dict(scope["headers"]).get(b"authorization"))
        self.before_call.pop(len(self.calls), lambda: None)()
        assert self.app is not None
        await self.app(scope, receive, send)

    def show(self, app: ASGIApp) -> None:
        """Exchange the app, and forget what was noted."""
        self.app = app
        self.calls.clear()
        self.keys.clear()
        self.before_call.clear()

    def calls_to(self, path: str) -> list[str]:
        """The calls whose address matches."""
        return [call for call in self.calls if re.search(path, call)]

    def connection(self, login: str = "login", password: str = "SG.demo") -> Connection:  # noqa: S107 - made up
        """How to reach the server."""
        return Connection("test", host=self.url, login=login, password=password)


@contextmanager
def standing() -> Iterator[RecordingHost]:
    """A server that stands while the block runs."""
    host = RecordingHost()
    with running(host) as host.url:
        yield host


def answering(app: ASGIApp, path: str, body: bytes) -> ASGIApp:
    """The same server, but whatever is asked of a path, the answer is this body."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if not re.search(path, scope["path"]):
            await app(scope, receive, send)
            return
        headers = [(b"content-type", b"application/json"), (b"x-wp-totalpages", b"1")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return answer


def number(document: Document) -> int:
    """Which one it is, of those that a case has put there: by its address ``p7@example.com``, else by its id."""
    email = document.get("email") or document.get("to_email")
    return int(email.partition("@")[0][1:]) if email else int(document["id"])


def person(n: int) -> str:
    """The address of the n-th person."""
    return f"p{n}@example.com"


def moment(n: int) -> datetime:
    """When the n-th document was made."""
    return BEGIN + timedelta(hours=n)


def all_of(count: int) -> set[int]:
    """The numbers of ``count`` documents."""
    return set(range(1, count + 1))


@dataclass(frozen=True)
class StreamCase:
    """One stream: the path that carries its documents, how the n-th comes to be there and how it vanishes.

    ``new`` makes the vendor's server (``app``, ``faults``), ``config`` is what the marketer's file says, ``login`` and
    ``password`` let in. ``wrap`` makes the answer that holds one document, ``number`` tells which one a document is.
    ``reader`` names the code that reads the stream, if other streams are read by it, too. ``can_vanish``: the stream
    has a listing. ``is_paged``: reading ``DOCUMENTS`` takes several calls to the path; ``shifts``: what vanishes
    meanwhile moves the rest.
    """

    kind: str
    stream: str
    path: str
    put: Callable[[Any, int], None]
    take: Callable[[Any, int], None] | None = None
    wrap: Callable[[str], str] = "[{}]".format
    new: Callable[[], Any] = object
    config: Any = None
    login: str = "login"
    password: str = "SG.demo"  # noqa: S105 - made up
    number: Callable[[Document], int] = number
    reader: str = ""
    can_vanish: bool = True
    is_paged: bool = False
    shifts: bool = False

    def vendor(self, documents: int = 0) -> Any:
        """A server with ``documents`` documents."""
        vendor = self.new()
        for n in range(1, documents + 1):
            self.put(vendor, n)
        return vendor

    def open(self, host: RecordingHost) -> Stream:
        """The stream, ready to be read."""
        connection = host.connection(self.login, self.password)
        streams = source_kind(self.kind).open(self.config, connection, RUN_DATE)
        return next(stream for stream in streams if stream.name == self.stream)

    def read(self, host: RecordingHost, since: datetime | None = None) -> list[Document]:
        """Everything that the stream gives, as it would be landed."""
        return list(extract.documents("demo", self.open(host), since))

    def numbers(self, host: RecordingHost, since: datetime | None = None) -> set[int]:
        """Which documents the stream gives."""
        return {self.number(document) for document in self.read(host, since)}

    def listed(self, host: RecordingHost) -> set[str]:
        """The ids of the documents that the stream says are there now."""
        stream = self.open(host)
        assert stream.listing
        return {stream.key(document) for page in stream.listing() for document in page}

    def refusal(self, host: RecordingHost, kind: type[LifecycleError]) -> str:
        """The words of the error that a reading ends with, which name the place and nothing private."""
        with pytest.raises(kind, match=rf"^demo, stream {self.stream}, page \d+: ") as raised:
            self.read(host)
        assert type(raised.value) is kind
        words = str(raised.value)
        assert not [word for word in (self.password, "example.com", "?", "127.0.0.1") if word in words]
        return words
