"""Who may call, and how often: bearer keys, rate limits and their headers on every answer."""

import math
import time
from collections.abc import Mapping

import orjson
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from demo.esp.refusal import refusal_body
from demo.esp.rules import RateLimit
from lifecycle.testing.faults import FAULT, template

FULL = (
    "marketing.create",
    "marketing.read",
    "marketing.update",
    "marketing.delete",
    "messages.read",
    "suppression.read",
    "asm.groups.read",
    "asm.groups.suppressions.read",
)
READ_ONLY = tuple(scope for scope in FULL if scope.endswith(".read"))
POSTED_READS = ("/v3/marketing/contacts/search/emails", "/v3/marketing/contacts/exports")


#: What the portal says (sendgrid/docs#5464); the API's "HTTP 403 Access forbidden" (sendgrid/sendgrid-csharp#427) is
#: the answer to a lacking right as well, and the fault `forbidden`.
IP_NOT_ALLOWED = "Your IP address is not whitelisted. See http://send.gd/1PemvHz for more details."


def authorized(app: ASGIApp, keys: Mapping[str, tuple[str, ...]], limit: RateLimit) -> ASGIApp:
    """Wrap the server; `keys` are the valid keys with their scopes. Downloads need no key."""
    windows: dict[str, tuple[float, int]] = {}

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/_files/"):
            await app(scope, receive, send)
            return
        spent, headers = _spend(windows, template(scope["path"]), limit)
        status = _refusal_status(scope, keys) or (429 if spent else None)
        words = IP_NOT_ALLOWED if _is_elsewhere(scope) else None
        inner: ASGIApp = app
        if status is not None or words:
            status = 403 if words else status or 0
            inner = Response(orjson.dumps(refusal_body(status, words)), status, None, "application/json")

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(headers)
            await send(message)

        await inner(scope, receive, with_headers)

    return answer


def scopes_of(scope: Scope, keys: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Return the scopes of the caller's key; none for a key that is not valid."""
    scheme, _, key = Headers(scope=scope).get("authorization", "").partition(" ")
    return keys.get(key, ()) if scheme.lower() == "bearer" else ()


def _is_elsewhere(scope: Scope) -> bool:
    """Say whether the caller's IP address is not one of those that the account allows."""
    fault = scope[FAULT]
    return fault is not None and fault.kind == "ip_not_allowed"


def _refusal_status(scope: Scope, keys: Mapping[str, tuple[str, ...]]) -> int | None:
    scopes = scopes_of(scope, keys)
    if not scopes:
        return 401
    reads = scope["method"] in ("GET", "HEAD") or scope["path"] in POSTED_READS
    return None if reads or scopes == FULL else 403


def _spend(windows: dict[str, tuple[float, int]], path: str, limit: RateLimit) -> tuple[bool, dict[str, str]]:
    now = time.time()
    ends, calls = windows.get(path, (0.0, 0))
    ends, calls = (now + limit.seconds, 1) if now >= ends else (ends, calls + 1)
    windows[path] = (ends, calls)
    reset = ends if limit.reset == "epoch" else ends - now
    return calls > limit.calls, {
        "x-ratelimit-limit": str(limit.calls),
        "x-ratelimit-remaining": str(max(0, limit.calls - calls)),
        "x-ratelimit-reset": str(max(0, math.ceil(reset))),
    }
