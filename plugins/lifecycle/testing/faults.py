"""Faults to switch on in a demo server, and its control API under `/_demo/` (loopback only).

| kind | what the caller meets |
|---|---|
| `400` … `599` | that status, in the vendor's own error body or in `body`; 429, 503 with waiting headers |
| `unauthorized`, `forbidden` | 401, 403 |
| `timeout` | silence for `seconds`, then 504 |
| `reset_mid_body` | the request is performed; half of the answer, then the connection closes |
| `truncated` | the request is performed; a complete HTTP answer whose JSON is cut in half |
| `not_json` | 200 with an HTML page |
| `page_shift` | a later page comes as if `shift` documents had left the listing (negative: joined it) |
| `job_failed`, `job_stuck` | the ESP accepts the job or export, which ends `failed` or stays `pending` for good |
| `job_late` | the ESP accepts the job, which stays `pending` until its clock has gone on by `seconds` |
| `rows_rejected` | the ESP accepts the import; its first `rows` contacts are refused with `message` |
| `rows_unnamed`, `rows_expired` | the same, but the file of refused rows has no addresses, or is gone |
| `search_misses` | a search by address answers that it finds nobody, whoever is there |
| `ip_not_allowed` | the ESP's refusal of a caller whose IP address the account doesn't allow |

`performed` makes a refusing kind perform the request first: the caller can't tell whether it took effect.

| control call | does |
|---|---|
| `POST /_demo/faults` | adds a fault, or a list of them |
| `DELETE /_demo/faults` | clears them |
| `GET`, `PUT /_demo/clock` | `{"now": "2017-12-24T08:30:00Z"}` or `{"now": null}` |
| `GET`, `DELETE /_demo/requests` | counts per method and path template; starts counting again |
"""

import asyncio
import re
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lifecycle.testing import clock as clocks
from lifecycle.testing.clock import Clock

JOBS = frozenset({"job_failed", "job_stuck", "job_late", "rows_rejected", "rows_unnamed", "rows_expired"})
HANDLED_INSIDE = JOBS | {"page_shift", "search_misses", "ip_not_allowed"}
CUTTING = frozenset({"reset_mid_body", "truncated"})
NAMED_STATUS = {"unauthorized": 401, "forbidden": 403, "timeout": 504, "not_json": 200}
KINDS = HANDLED_INSIDE | CUTTING | NAMED_STATUS.keys() | {str(status) for status in range(400, 600)}
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
KEY_SEGMENT = re.compile(r"/(?:\d+|[0-9a-f]{8}-[0-9a-f-]{27}|e\d+_[TND])(?=/|$)")
FAULT = "demo.fault"


@dataclass
class Fault:
    """One fault: how it shows, and whom it meets: `path` regex, `method`, after `after` matches, `times`."""

    kind: str
    path: str = ""
    method: str | None = None
    times: int | None = 1
    after: int = 0
    retry_after: float = 0.0
    style: Literal["retry_after", "reset_seconds", "reset_epoch", "none"] = "retry_after"
    seconds: float = 30.0
    shift: int = 1
    rows: int = 1
    message: str = "rejected by the demo"
    performed: bool = False
    body: Any = None

    def __post_init__(self) -> None:
        """Refuse a kind that nothing would honour."""
        if self.kind not in KINDS:
            names = ", ".join(sorted(kind for kind in KINDS if not kind.isdigit()))
            message = f"unknown fault kind; valid are {names} and the statuses 400 to 599"
            raise ValueError(message)

    @property
    def status(self) -> int:
        """The HTTP status that a refusing kind answers."""
        return NAMED_STATUS.get(self.kind) or int(self.kind)

    def meets(self, method: str, path: str) -> bool:
        """Say whether this request is one of those that the fault is for."""
        return self.method in (None, method) and re.search(self.path, path) is not None

    def wait_headers(self) -> dict[str, str]:
        """Tell how long to wait, in the chosen one of the vendors' styles."""
        left = max(0, round(self.retry_after))
        match self.style:
            case "retry_after":
                return {"retry-after": str(left)}
            case "reset_seconds":
                return {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(left)}
            case "reset_epoch":
                return {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(time.time()) + left)}
            case _:
                return {}


@dataclass
class Faults:
    """The faults that are switched on, and how often each method and path template was called."""

    active: list[Fault] = field(default_factory=list)
    requests: Counter[str] = field(default_factory=Counter)

    def add(self, *faults: Fault) -> None:
        """Switch faults on; the first that meets a request wins."""
        self.active.extend(faults)

    def clear(self) -> None:
        """Switch all faults off."""
        self.active.clear()

    def take(self, method: str, path: str) -> Fault | None:
        """Use up one turn of the first fault that meets this request."""
        for fault in [fault for fault in self.active if fault.meets(method, path)]:
            if fault.after > 0:
                fault.after -= 1
            elif fault.times is None:
                return fault
            elif fault.times > 0:
                fault.times -= 1
                return fault
        return None

    def writes(self) -> int:
        """Count the calls that were not GET or HEAD."""
        return sum(n for call, n in self.requests.items() if not call.startswith(("GET ", "HEAD ")))


def template(path: str) -> str:
    """Replace the keys in a path by `{id}`."""
    return KEY_SEGMENT.sub("/{id}", path)


def controlled(app: ASGIApp, faults: Faults, clock: Clock, refuse: Callable[[int], object]) -> ASGIApp:
    """Wrap a server with the faults and the control API; `refuse(status)` is the vendor's error body."""
    control = _control(faults, clock)

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
        elif scope["path"].startswith("/_demo/"):
            await control(scope, receive, send)
        else:
            faults.requests[f"{scope['method']} {template(scope['path'])}"] += 1
            fault = faults.take(scope["method"], scope["path"])
            await _meet(fault, app, refuse, (scope, receive, send))

    return answer


async def _meet(
    fault: Fault | None, app: ASGIApp, refuse: Callable[[int], object], call: tuple[Scope, Receive, Send]
) -> None:
    scope, receive, send = call
    scope[FAULT] = fault if fault is not None and fault.kind in HANDLED_INSIDE else None
    if fault is None or fault.kind in HANDLED_INSIDE:
        await app(scope, receive, send)
        return
    performed = await _perform(app, scope, receive) if fault.performed or fault.kind in CUTTING else []
    if fault.kind in CUTTING:
        await _send_half(fault.kind, performed, send)
        return
    if fault.kind == "timeout":
        await _hang(receive, fault.seconds)
    await _refusal(fault, refuse)(scope, receive, send)


def _refusal(fault: Fault, refuse: Callable[[int], object]) -> Response:
    if fault.kind == "not_json":
        return Response("<!doctype html><title>Just a moment…</title>", media_type="text/html")
    waits: Mapping[str, str] = fault.wait_headers() if fault.status in (429, 503) else {}
    body = refuse(fault.status) if fault.body is None else fault.body
    return Response(orjson.dumps(body), fault.status, waits, "application/json")


async def _perform(app: ASGIApp, scope: Scope, receive: Receive) -> list[Message]:
    sent: list[Message] = []

    async def keep(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, keep)
    return sent


async def _send_half(kind: str, messages: list[Message], send: Send) -> None:
    start, body = messages[0], b"".join(message.get("body", b"") for message in messages[1:])
    half = body[: len(body) // 2]
    if kind == "truncated":
        headers = [(name, value) for name, value in start["headers"] if name != b"content-length"]
        start = {**start, "headers": [*headers, (b"content-length", str(len(half)).encode())]}
    await send(start)
    await send({"type": "http.response.body", "body": half, "more_body": kind == "reset_mid_body"})


async def _hang(receive: Receive, seconds: float) -> None:
    async def disconnected() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    try:
        await asyncio.wait_for(disconnected(), seconds)
    except TimeoutError:
        return


def _control(faults: Faults, clock: Clock) -> ASGIApp:
    async def change_faults(request: Request) -> Response:
        if request.method == "DELETE":
            faults.clear()
        if request.method == "POST":
            asked = orjson.loads(await request.body())
            faults.add(*(Fault(**fault) for fault in (asked if isinstance(asked, list) else [asked])))
        return _json({"active": [vars(fault) for fault in faults.active]})

    async def change_clock(request: Request) -> Response:
        if request.method == "PUT":
            now = orjson.loads(await request.body())["now"]
            clock.now = None if now is None else clocks.parse(now)
        return _json({"now": None if clock.now is None else clocks.iso(clock.horizon())})

    async def count_requests(request: Request) -> Response:
        if request.method == "DELETE":
            faults.requests.clear()
        return _json(dict(sorted(faults.requests.items())))

    async def refuse_bad_input(_request: Request, error: Exception) -> Response:
        return _json({"error": str(error)}, 400)

    routes = [
        Route("/_demo/faults", change_faults, methods=["GET", "POST", "DELETE"]),
        Route("/_demo/clock", change_clock, methods=["GET", "PUT"]),
        Route("/_demo/requests", count_requests, methods=["GET", "DELETE"]),
    ]
    bad_input = dict.fromkeys((ValueError, TypeError, KeyError), refuse_bad_input)
    return _on_loopback(Starlette(routes=routes, exception_handlers=bad_input))


def _on_loopback(app: ASGIApp) -> ASGIApp:
    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        caller = (scope.get("client") or ("",))[0]
        await (app if caller in LOOPBACK else Response(status_code=404))(scope, receive, send)

    return answer


def _json(body: object, status: int = 200) -> Response:
    return Response(orjson.dumps(body), status, media_type="application/json")
