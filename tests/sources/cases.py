"""What the tests of sources have in common: a server whose app changes, and a case for each stream of each vendor."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from demo.serve import running
from lifecycle import extract, settings
from lifecycle.sources import Document, Stream, source_kind

RUN_DATE = date(2017, 12, 31)
BEGIN = datetime(2017, 12, 10, tzinfo=UTC)
#: What no message and no log may hold: credentials, addresses, query strings.
PRIVATE = ("cs_demo", "SG.demo", "example.com", "?", "127.0.0.1")


@dataclass
class Stage:
    """A server for many tests: its app is exchanged, calls are noted, and things happen between them."""

    app: ASGIApp | None = None
    url: str = ""
    calls: list[str] = field(default_factory=list)
    keys: list[bytes | None] = field(default_factory=list)
    before_call: dict[int, Callable[[], object]] = field(default_factory=dict)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.calls.append(f"{scope['method']} {scope['path']}?{scope['query_string'].decode()}")
        self.keys.append(dict(scope["headers"]).get(b"authorization"))
        self.before_call.pop(len(self.calls), lambda: None)()
        assert self.app is not None
        await self.app(scope, receive, send)

    def show(self, app: ASGIApp) -> None:
        self.app = app
        self.calls.clear()
        self.keys.clear()
        self.before_call.clear()

    def calls_to(self, path: str) -> list[str]:
        return [call for call in self.calls if re.search(path, call)]

    def connection(self, login: str = "login", password: str = "SG.demo") -> settings.Connection:
        return settings.Connection("test", host=self.url, login=login, password=password)


@contextmanager
def standing() -> Iterator[Stage]:
    stage = Stage()
    with running(stage) as stage.url:
        yield stage


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
    """Which one it is, of those that a case has put there."""
    email = document.get("email") or document.get("to_email")
    return int(email.partition("@")[0][1:]) if email else int(document["id"])


@dataclass(frozen=True)
class Case:
    """One stream: the path that carries its documents, how the n-th comes to be there and how it vanishes.

    ``new`` makes the vendor's server, ``about`` says how it is configured, ``login`` and ``password`` let in.
    ``wrap`` makes the answer that holds one document, ``number`` tells which one a document is.
    """

    kind: str
    stream: str
    path: str
    put: Callable[[Any, int], None]
    take: Callable[[Any, int], None] | None = None
    wrap: Callable[[str], str] = "[{}]".format
    new: Callable[[], Any] = object
    about: Any = None
    login: str = "login"
    password: str = "SG.demo"
    number: Callable[[Document], int] = number

    def vendor(self, documents: int = 0) -> Any:
        vendor = self.new()
        for n in range(1, documents + 1):
            self.put(vendor, n)
        return vendor

    def open(self, stage: Stage) -> Stream:
        connection = stage.connection(self.login, self.password)
        streams = source_kind(self.kind).open(self.about, connection, RUN_DATE)
        named: Stream = next(stream for stream in streams if stream.name == self.stream)
        return named

    def read(self, stage: Stage, since: datetime | None = None) -> list[Document]:
        """Everything that the stream gives, as it would be landed."""
        tables = extract._tables("demo", extract._Reading(self.open(stage), since))
        return [json.loads(row["doc"]) for table in tables for row in table.to_pylist()]

    def numbers(self, stage: Stage, since: datetime | None = None) -> set[int]:
        """Which documents the stream gives."""
        return {self.number(document) for document in self.read(stage, since)}

    def listed(self, stage: Stage) -> set[str]:
        """The ids of the documents that the stream says are there now."""
        stream = self.open(stage)
        assert stream.listing
        return {stream.key(document) for page in stream.listing() for document in page}


def person(n: int) -> str:
    return f"p{n}@example.com"


def moment(n: int) -> datetime:
    return BEGIN + timedelta(hours=n)
