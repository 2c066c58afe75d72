"""What every answer of the ESP works with: its context, reading a request, writing an answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from demo.esp import jobs
from demo.esp.refusal import Refusal
from demo.esp.rules import Rules
from demo.esp.store import Store
from lifecycle.testing.clock import Clock
from lifecycle.testing.faults import FAULT

MAX_IDS = 100


@dataclass(frozen=True)
class Context:
    """What the answers work with."""

    store: Store
    clock: Clock
    pace: jobs.Pace
    rules: Rules
    keys: Mapping[str, tuple[str, ...]]
    user_id: int


def accepted(request: Request, context: Context, kind: str, payload: Mapping[str, Any]) -> Response:
    """Accept a job."""
    key = jobs.submit(context.store, kind, payload, context.clock.stamp(), request.scope[FAULT])
    return json_answer({"job_id": key}, 202)


def not_found() -> Refusal:
    """Make the answer for what does not exist."""
    return Refusal(404, (None, "resource not found"))


def row_or_404(row: dict[str, Any] | None) -> dict[str, Any]:
    """Return the row, or refuse with 404."""
    if row is None:
        raise not_found()
    return row


def comma_separated(request: Request, name: str) -> list[str]:
    """Read between 1 and 100 ids from the query; refuses any other number."""
    keys = [key for key in request.query_params.get(name, "").split(",") if key]
    if not 1 <= len(keys) <= MAX_IDS:
        raise Refusal(400, (name, f"between 1 and {MAX_IDS} ids are required"))
    return keys


def whole_number(request: Request, name: str, default: int, least: int, most: int) -> int:
    """Read a whole number within bounds from the query; refuses anything else."""
    try:
        value = int(request.query_params.get(name, default))
    except ValueError:
        raise Refusal(400, (name, f"{name} must be an integer")) from None
    if not least <= value <= most:
        raise Refusal(400, (name, f"{name} must be between {least} and {most}"))
    return value


async def body_of(request: Request) -> dict[str, Any]:
    """Return the JSON object that was sent; refuses anything else."""
    return parsed(await request.body())


def parsed(raw: bytes) -> dict[str, Any]:
    """Parse a JSON object; refuses anything else."""
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise Refusal(400, (None, "invalid JSON")) from None
    if not isinstance(body, dict):
        raise Refusal(400, (None, "a JSON object is required"))
    return body


def base_url(request: Request) -> str:
    """Return the address under which the caller reaches this server."""
    return str(request.base_url).rstrip("/")


def self_link(request: Request) -> dict[str, str]:
    """Return the link to what is being answered."""
    return {"self": str(request.url)}


def json_answer(body: object, status: int = 200) -> Response:
    """Answer with JSON."""
    return Response(orjson.dumps(body), status, media_type="application/json")
