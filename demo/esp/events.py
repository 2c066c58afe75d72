"""The answers about suppressions, unsubscribe groups, message activity and the account."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from demo.esp import activity, authorization
from demo.esp.context import Context, json_answer, not_found, row_or_404, whole_number
from demo.esp.refusal import Refusal
from lifecycle.testing import clock as clocks
from lifecycle.testing.faults import FAULT

SUPPRESSIONS = ("bounces", "blocks", "spam_reports", "unsubscribes", "invalid_emails")
SUPPRESSION_PAGE = 500
USERNAME = "user.username.read"
MESSAGE_PAGE = 1_000


async def get_suppressions(request: Request, context: Context) -> Response:
    """Show a page of one kind of suppression, newest first."""
    kind = request.path_params["kind"]
    if kind not in SUPPRESSIONS:
        raise not_found()
    horizon = context.clock.horizon()
    limit = whole_number(request, "limit", SUPPRESSION_PAGE, 1, SUPPRESSION_PAGE)
    offset = whole_number(request, "offset", 0, 0, horizon)
    fault = request.scope[FAULT]
    shift = fault.shift if fault is not None and offset > 0 else 0
    rows = context.store.rows(
        "select created, email, reason, status from suppression where kind = ? and created between ? and ?"
        " order by created desc, email limit ? offset ?",
        (
            kind,
            whole_number(request, "start_time", 0, 0, clocks.END_OF_TIME),
            min(horizon, whole_number(request, "end_time", horizon, 0, clocks.END_OF_TIME)),
            limit,
            max(0, offset + shift),
        ),
    )
    return json_answer([{key: value for key, value in row.items() if value is not None} for row in rows])


async def get_groups(_request: Request, context: Context) -> Response:
    """Show the unsubscribe groups."""
    return json_answer(_groups(context))


async def get_group(request: Request, context: Context) -> Response:
    """Show one unsubscribe group."""
    return json_answer(_group(request, context))


async def get_group_members(request: Request, context: Context) -> Response:
    """Show the addresses of one unsubscribe group."""
    key = _group(request, context)["id"]
    return json_answer([row["email"] for row in _group_members(context) if row["group_id"] == key])


async def get_group_suppressions(_request: Request, context: Context) -> Response:
    """Show every address of every unsubscribe group."""
    return json_answer(_group_members(context))


async def get_messages(request: Request, context: Context) -> Response:
    """Search the Email Activity."""
    limit = whole_number(request, "limit", 10, 1, MESSAGE_PAGE)
    messages = activity.messages(context.store, request.query_params.get("query", ""), limit, context.clock.horizon())
    return json_answer({"messages": messages})


async def get_scopes(request: Request, context: Context) -> Response:
    """Show what the caller's key may do."""
    scopes = authorization.scopes_of(request.scope, context.keys)
    return json_answer({"scopes": (*scopes, *((USERNAME,) if context.rules.may_read_username else ()))})


async def get_account(_request: Request, _context: Context) -> Response:
    """Show the account."""
    return json_answer({"type": "paid", "reputation": 100})


async def get_username(_request: Request, context: Context) -> Response:
    """Show whose account it is, to a key that may know it."""
    if not context.rules.may_read_username:
        raise Refusal(403, (None, "access forbidden"))
    return json_answer({"username": f"demo{context.user_id}", "user_id": context.user_id})


def _groups(context: Context) -> list[dict[str, Any]]:
    members = [row["group_id"] for row in _group_members(context)]
    groups = context.store.rows("select * from suppression_group order by id")
    return [{**group, "is_default": False, "unsubscribes": members.count(group["id"])} for group in groups]


def _group(request: Request, context: Context) -> dict[str, Any]:
    key = request.path_params["id"]
    return row_or_404(next((group for group in _groups(context) if group["id"] == key), None))


def _group_members(context: Context) -> list[dict[str, Any]]:
    return context.store.rows(
        "select m.email, m.group_id, g.name as group_name, m.created_at from group_member m"
        " join suppression_group g on g.id = m.group_id where m.created_at <= ? "
        "order by m.created_at desc, m.email",
        (context.clock.horizon(),),
    )
