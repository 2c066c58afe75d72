"""What the provider is asked to do: whose contacts are written, and whether any of them may not be written to."""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from demo.chaos.night import KEY

SUPPRESSED = re.compile(r"/v3/suppression/\w+$")
STAGE = "stage "


@dataclass
class Watch:
    """Hands calls on to the provider, and watches those to the account that is ours.

    ``barred`` are addresses of which a night can know that they must not be written to: the warehouse has landed them,
    or the provider has told them.
    """

    app: ASGIApp
    barred: set[str] = field(default_factory=set)
    written: list[str] = field(default_factory=list)
    contacted: list[str] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on one call."""
        is_ours = KEY in dict(scope["headers"]).get(b"authorization", b"").decode().split()
        sent, answered = bytearray(), bytearray()

        async def read() -> Message:
            message = await receive()
            sent.extend(message.get("body", b""))
            is_whole = message["type"] == "http.request" and not message.get("more_body")
            if is_ours and scope["method"] == "PUT" and is_whole:
                self._see(orjson.loads(bytes(sent)))
            return message

        async def answer(message: Message) -> None:
            answered.extend(message.get("body", b""))
            await send(message)

        await self.app(scope, read, answer)
        if is_ours and SUPPRESSED.search(scope["path"]):
            self.barred |= _addresses(bytes(answered))

    def _see(self, body: dict[str, Any]) -> None:
        for contact in body["contacts"]:
            email = contact["email"].lower()
            self.written.append(email)
            values = (contact.get("custom_fields") or {}).values()
            is_findable = any(isinstance(value, str) and value.startswith(STAGE) for value in values)
            if email in self.barred and (body["list_ids"] or is_findable):
                self.contacted.append(email)


def _addresses(body: bytes) -> set[str]:
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return set()
    rows = answer if isinstance(answer, list) else []
    return {row["email"].lower() for row in rows if isinstance(row, dict) and "email" in row}


@dataclass
class Interruption:
    """Hands calls on to a server, and does something at one of them: before it, or around its answer.

    ``performed``: the caller gets no answer of it. What ends the caller needs none: ``is_end``.
    """

    app: ASGIApp
    act: Callable[[], object]
    calls: int
    moment: str = "before"
    is_end: bool = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on one call."""
        self.calls -= 1
        if self.calls:
            await self.app(scope, receive, send)
            return
        if self.moment != "before":
            await self.app(scope, receive, send if self.moment == "answered" else _nowhere)
        await asyncio.to_thread(self.act)
        if self.moment == "before" and not self.is_end:
            await self.app(scope, receive, send)


async def _nowhere(_: object) -> None:
    pass
