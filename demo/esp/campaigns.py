"""The answers about what was sent: Single Sends, and the counts of Single Sends and automations."""

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlencode

import orjson
from starlette.requests import Request
from starlette.responses import Response

from demo.esp.context import Context, json_answer, whole_number
from lifecycle.testing import clock as clocks

SINGLE_SENDS = "/v3/marketing/singlesends"
STATISTICS = "/v3/marketing/stats"
COUNTS = (
    "bounce_drops", "bounces", "clicks", "delivered", "invalid_emails", "opens", "requests", "spam_report_drops",
    "spam_reports", "unique_clicks", "unique_opens", "unsubscribes",
)  # fmt: skip


async def get_single_sends(request: Request, context: Context) -> Response:
    """Show a page of the Single Sends, newest first."""
    rows = context.store.rows(
        "select * from single_send where created_at <= ? order by created_at desc, id", _now(context)
    )
    return _page(request, "result", [_single_send(row) for row in rows], most=100)


def get_statistics(kind: str) -> Callable[[Request, Context], Any]:
    """Make the answer that shows a page of the counts of `singlesends` or `automations`."""

    async def answer(request: Request, context: Context) -> Response:
        rows = context.store.rows("select id, counts from statistics where kind = ? order by id", (kind,))
        return _page(request, "results", [_statistics(kind, row) for row in rows], most=50)

    return answer


def _single_send(row: dict[str, Any]) -> dict[str, Any]:
    moments = {name: row[name] and clocks.iso(row[name]) for name in ("send_at", "updated_at", "created_at")}
    shown = {**row, **moments, "categories": orjson.loads(row["categories"]), "is_abtest": False, "abtest": None}
    return {key: value for key, value in shown.items() if key != "send_at" or value}


def _statistics(kind: str, row: dict[str, Any]) -> dict[str, Any]:
    counts = {**dict.fromkeys(COUNTS, 0), **orjson.loads(row["counts"])}
    one = {"step_id": "all"} if kind == "automations" else {"ab_variation": "all", "ab_phase": "all"}
    return {"id": row["id"], "aggregation": "total", **one, "stats": counts}


def _page(request: Request, name: str, items: Sequence[dict[str, Any]], most: int) -> Response:
    size = whole_number(request, "page_size", 25, 1, most)
    start = whole_number(request, "page_token", 0, 0, clocks.END_OF_TIME)
    address = request.url.replace(query="")
    tokens = {"self": start, "prev": max(0, start - size), "next": start + size}
    if not start:
        del tokens["prev"]
    if start + size >= len(items):
        del tokens["next"]
    links: dict[str, Any] = {
        rel: f"{address}?{urlencode({'page_size': size, 'page_token': n})}" for rel, n in tokens.items()
    }
    return json_answer({name: items[start : start + size], "_metadata": links | {"count": len(items)}})


def _now(context: Context) -> tuple[int]:
    return (context.clock.horizon(),)
