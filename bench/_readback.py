"""What comes back from the provider: a million contacts read back, and one refused row among thirty thousand."""

import gzip
from collections.abc import Callable
from pathlib import Path

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from demo.esp import Esp, Pace
from demo.esp.rules import Rules
from lifecycle.testing import server

KEY = "SG.bench"
CONTACTS, BATCH = 1_000_000, 30_000
REFUSED = "person17000@example.com"
#: How a provider can refuse a row and not say which: in its answer, or in a job whose errors file has no address.
UNNAMED = (
    Rules(refused={REFUSED: "refused"}, refused_at="request", names="nobody"),
    Rules(refused={REFUSED: "refused"}, refused_at="row", errors_file="missing"),
)


def write_export(path: Path) -> None:
    """Write the packed file of an export of ``CONTACTS`` contacts, as they are delivered."""
    days = {"lifecycle_stage_since": "2025-11-03T00:00:00Z", "lifecycle_last_order_on": "2025-11-03T00:00:00Z"}
    stages = {"lifecycle_stage": "active", "lifecycle_previous_stage": "at_risk"}
    moments = {"created_at": "2025-11-03T04:00:00Z", "updated_at": "2025-12-31T04:00:00Z"}
    with gzip.open(path, "wb", compresslevel=1) as file:
        for n in range(1, CONTACTS + 1):
            fields = {**stages, **days, "lifecycle_orders": n % 17, "lifecycle_revenue": n % 9999 / 100}
            contact = {"contact_id": f"{n:032x}", "email": f"person{n}@example.com", **moments, "custom_fields": fields}
            file.write(orjson.dumps(contact) + b"\n")


class Counting:
    """Counts the contacts of every upsert on its way to the provider."""

    def __init__(self, app: ASGIApp) -> None:
        self.app, self.contacts = app, 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the call on."""
        body = bytearray()

        async def counted() -> Message:
            message = await receive()
            body.extend(message.get("body", b""))
            if message["type"] == "http.request" and not message.get("more_body"):
                self.contacts += len(orjson.loads(body)["contacts"])
            return message

        is_upsert = scope["type"] == "http" and (scope["method"], scope["path"]) == ("PUT", "/v3/marketing/contacts")
        await self.app(scope, counted if is_upsert else receive, send)


def uploaded(rules: Rules, send: Callable[[str], None]) -> int:
    """How many contacts were uploaded until everybody but the refused one was confirmed."""
    counting = Counting(Esp(key=KEY, rules=rules, pace=Pace(polls=0, seconds=0)).app)
    with server.running(counting) as address:
        send(address)
    return counting.contacts
