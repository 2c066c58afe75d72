"""The vendors that the tests read from: one server whose app changes, and for each stream how to fill it."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from importlib import import_module
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from demo.esp import Esp, Pace
from demo.serve import running
from demo.shop import Shop
from lifecycle import extract, settings
from lifecycle.sources import Document, Stream

RUN_DATE = date(2017, 12, 31)
BEGIN = datetime(2017, 12, 10, tzinfo=UTC)
PAGE = 10
OPT_IN = "Newsletter"
SHOP = settings.Shop(kind="woocommerce", connection="shop", timezone="UTC", currency="USD")
ESP = settings.Esp(kind="sendgrid", connection="esp", opt_in_lists=[OPT_IN])
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

    def connection(self, kind: str) -> settings.Connection:
        login, password = ("ck_demo", "cs_demo") if kind == "woocommerce" else ("apikey", "SG.demo")
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


@dataclass(frozen=True)
class Case:
    """One stream: the path that carries its documents, how the n-th comes to be there and how it vanishes."""

    kind: str
    stream: str
    path: str
    put: Callable[[Any, int], None]
    take: Callable[[Any, int], None] | None = None
    wrap: Callable[[str], str] = "[{}]".format

    def vendor(self, documents: int = 0) -> Any:
        vendor = Shop() if self.kind == "woocommerce" else new_esp()
        for n in range(1, documents + 1):
            self.put(vendor, n)
        return vendor

    def open(self, stage: Stage) -> Stream:
        about: Any = SHOP if self.kind == "woocommerce" else ESP
        source = import_module(f"lifecycle.sources.{self.kind}")
        streams = source.streams(about, stage.connection(self.kind), RUN_DATE)
        return next(stream for stream in streams if stream.name == self.stream)

    def read(self, stage: Stage, since: datetime | None = None) -> list[Document]:
        """Everything that the stream gives, as it would be landed."""
        tables = extract._tables("demo", extract._Reading(self.open(stage), since))
        return [json.loads(row["doc"]) for table in tables for row in table.to_pylist()]


def new_esp() -> Esp:
    esp = Esp(pace=Pace(polls=0, seconds=None))
    esp.add_list(OPT_IN)
    esp.add_group(1, "Offers")
    return esp


def number(document: Document) -> int:
    """Which one it is, of those that a case has put there."""
    email = document.get("email") or document.get("to_email")
    return int(email.partition("@")[0][1:]) if email else int(document["id"])


def person(n: int) -> str:
    return f"p{n}@example.com"


def moment(n: int) -> datetime:
    return BEGIN + timedelta(hours=n)


def shop_case(stream: str) -> Case:
    def put(shop: Shop, n: int) -> None:
        at = f"{moment(n):%Y-%m-%dT%H:%M:%S}"
        document = {"id": n, "status": "completed", "date_created_gmt": at, "date_modified_gmt": at}
        shop.shelves[stream].put(document)

    return Case("woocommerce", stream, f"/{stream}$", put, lambda shop, n: shop.shelves[stream].remove(n))


def suppression_case(kind: str) -> Case:
    return Case(
        "sendgrid",
        kind,
        f"/suppression/{kind}$",
        lambda esp, n: esp.suppress(kind, person(n), moment(n), reason="gone"),
        lambda esp, n: esp.lift_suppression(kind, person(n)),
    )


def put_message(esp: Esp, n: int) -> None:
    message = {"msg_id": f"m{n}", "from_email": "news@example.com", "subject": "Hi", "to_email": person(n)}
    counts = {"status": "delivered", "opens_count": 0, "clicks_count": 0}
    esp.add_messages([{**message, **counts, "last_event_time": moment(n).isoformat()}])


CASES = [
    *map(shop_case, ("orders", "customers", "products")),
    Case("sendgrid", "contacts", "/_files/", lambda esp, n: esp.add_contact(person(n)), wrap="{}".format),
    Case(
        "sendgrid",
        "list_members",
        "/_files/",
        lambda esp, n: esp.add_contact(person(n), lists=[OPT_IN]),
        wrap="{}".format,
    ),
    *map(suppression_case, ("bounces", "blocks", "spam_reports", "unsubscribes", "invalid_emails")),
    Case("sendgrid", "group_suppressions", "/asm/", lambda esp, n: esp.leave_group(1, person(n), moment(n))),
    Case("sendgrid", "messages", "/messages$", put_message, wrap='{{"messages": [{}]}}'.format),
]
