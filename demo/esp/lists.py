"""The answers about lists and custom fields."""

import re
import uuid
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from demo.esp import contact_routes, contacts, index
from demo.esp.context import (
    Context,
    accepted,
    base_url,
    body_of,
    comma_separated,
    json_answer,
    row_or_404,
    self_link,
    whole_number,
)
from demo.esp.refusal import Refusal
from demo.esp.store import Store

LISTS = "/v3/marketing/lists"
FIELDS = "/v3/marketing/field_definitions"
FIELD_TYPES = {"Text": "T", "Number": "N", "Date": "D"}
FIELD_NAME = re.compile(r"[A-Za-z_]\w{0,99}", re.ASCII)
LIST_PAGE = 1_000


async def get_lists(request: Request, context: Context) -> Response:
    """Show a page of lists; `_metadata.next` leads on while there are more."""
    size = whole_number(request, "page_size", 100, 1, LIST_PAGE)
    token = request.query_params.get("page_token", "")
    rows = context.store.rows("select * from list where id > ? order by id limit ?", (token, size + 1))
    address = f"{base_url(request)}{LISTS}?page_size={size}&page_token="
    metadata = {"self": address + token, "count": context.store.value("select count(*) from list")}
    if len(rows) > size:
        metadata["next"] = address + rows[size - 1]["id"]
    seen = index.look(context.store)
    return json_answer({"result": [_list(request, context, row, seen) for row in rows[:size]], "_metadata": metadata})


async def post_list(request: Request, context: Context) -> Response:
    """Create a list."""
    key = str(uuid.uuid4())
    name = _name(await body_of(request))
    _refuse_taken_list(context, name)
    if context.store.value("select count(*) from list") >= context.rules.max_lists:
        raise Refusal(400, (None, f"at most {context.rules.max_lists} lists are allowed"))
    context.store.run("insert into list values (?, ?)", (key, name))
    return json_answer(_list(request, context, {"id": key, "name": name}), 201)


async def get_list(request: Request, context: Context) -> Response:
    """Show a list, with a sample of its contacts if asked."""
    row = _list_row(request, context)
    answer = _list(request, context, row, index.look(context.store))
    if request.query_params.get("contact_sample", "").lower() == "true":
        answer["contact_sample"] = contact_routes.on_lists(context, [row["id"]])[: contact_routes.SAMPLE]
    return json_answer(answer)


async def patch_list(request: Request, context: Context) -> Response:
    """Rename a list."""
    row, name = _list_row(request, context), _name(await body_of(request))
    if name != row["name"]:
        _refuse_taken_list(context, name)
    context.store.run("update list set name = ? where id = ?", (name, row["id"]))
    return json_answer(_list(request, context, {**row, "name": name}))


async def delete_list(request: Request, context: Context) -> Response:
    """Delete a list, and its contacts too if asked, as the real one does."""
    key = _list_row(request, context)["id"]
    members = [row["contact_id"] for row in context.store.rows("select * from membership where list_id = ?", (key,))]
    context.store.run("delete from list where id = ?", (key,))
    if request.query_params.get("delete_contacts", "").lower() == "true":
        answer = accepted(request, context, "delete", {"contact_ids": members})
        return Response(answer.body, 200, media_type="application/json")
    return Response(status_code=204)


async def count_list(request: Request, context: Context) -> Response:
    """Count a list's contacts."""
    count = _list(request, context, _list_row(request, context), index.look(context.store))["contact_count"]
    return json_answer({"contact_count": count, "billable_count": count})


async def remove_from_list(request: Request, context: Context) -> Response:
    """Accept the removal of contacts from a list."""
    key, ids = _list_row(request, context)["id"], comma_separated(request, "contact_ids")
    return accepted(request, context, "remove", {"list_id": key, "contact_ids": ids})


async def get_fields(request: Request, context: Context) -> Response:
    """Show the custom and the reserved fields."""
    rows = context.store.rows("select id, name, field_type from field order by number")
    names = ["first_name", "last_name", "email", *contacts.RESERVED[2:]]
    reserved = [{"id": f"_rf{n}_T", "name": name, "field_type": "Text"} for n, name in enumerate(names)]
    custom = [_field(request, row) for row in rows]
    return json_answer({"custom_fields": custom, "reserved_fields": reserved, "_metadata": self_link(request)})


async def post_field(request: Request, context: Context) -> Response:
    """Create a custom field."""
    body = await body_of(request)
    if body.get("field_type") not in FIELD_TYPES:
        raise Refusal(400, ("field_type", f"field_type must be one of {', '.join(FIELD_TYPES)}"))
    _refuse_field_name(context, body.get("name"))
    if context.store.value("select count(*) from field") >= context.rules.max_fields:
        raise Refusal(400, (None, f"at most {context.rules.max_fields} custom fields are allowed"))
    key = add_field(context.store, body["name"], body["field_type"])
    return json_answer(_field(request, {"id": key, "name": body["name"], "field_type": body["field_type"]}))


async def patch_field(request: Request, context: Context) -> Response:
    """Rename a custom field."""
    row, body = _field_row(request, context), await body_of(request)
    _refuse_field_name(context, body.get("name"))
    context.store.run("update field set name = ? where id = ?", (body["name"], row["id"]))
    return json_answer(_field(request, {**row, "name": body["name"]}))


async def delete_field(request: Request, context: Context) -> Response:
    """Delete a custom field and, with it, its values."""
    context.store.run("delete from field where id = ?", (_field_row(request, context)["id"],))
    return Response(status_code=204)


def add_field(store: Store, name: str, field_type: str) -> str:
    """Create a custom field and return its id, numbered on and never reused: `e1_T`, `e2_N`."""
    with store.transaction():
        store.run("insert into field (name, field_type) values (?, ?)", (name, field_type))
        number = store.value("select number from field where name = ?", (name,))
        key = f"e{number}_{FIELD_TYPES[field_type]}"
        store.run("update field set id = ? where number = ?", (key, number))
    return key


def _list(request: Request, context: Context, row: Mapping[str, Any], seen: str = "") -> dict[str, Any]:
    count = context.store.value(
        f"select count(*) from {seen}membership m join {seen}contact c on c.id = m.contact_id"  # noqa: S608 - ours
        " where m.list_id = ? and max(m.added_at, c.created_at) <= ?",
        (row["id"], context.clock.horizon()),
    )
    address = f"{base_url(request)}{LISTS}/{row['id']}"
    return {"name": row["name"], "id": row["id"], "contact_count": count, "_metadata": {"self": address}}


def _list_row(request: Request, context: Context) -> dict[str, Any]:
    return row_or_404(context.store.row("select * from list where id = ?", (request.path_params["id"],)))


def _refuse_taken_list(context: Context, name: str) -> None:
    if context.store.value("select 1 from list where name = ?", (name,)):
        raise Refusal(400, ("name", "a list with this name exists"))


def _field(request: Request, row: Mapping[str, Any]) -> dict[str, Any]:
    address = f"{base_url(request)}{FIELDS}/{row['id']}"
    return {
        "id": row["id"],
        "name": row["name"],
        "field_type": row["field_type"],
        "_metadata": {"self": address},
    }


def _field_row(request: Request, context: Context) -> dict[str, Any]:
    return row_or_404(context.store.row("select * from field where id = ?", (request.path_params["id"],)))


def _refuse_field_name(context: Context, name: object) -> None:
    if not isinstance(name, str) or not FIELD_NAME.fullmatch(name):
        raise Refusal(400, ("name", "name must be letters, digits and underscores, and not begin with a digit"))
    taken = context.store.value("select 1 from field where name = ?", (name,))
    if taken or name.lower() in (*contacts.RESERVED, "email"):
        raise Refusal(400, ("name", "a field with this name exists"))


def _name(body: Mapping[str, Any]) -> str:
    name = body.get("name")
    if not isinstance(name, str) or not 1 <= len(name) <= 100:  # noqa: PLR2004 - the contract's length
        raise Refusal(400, ("name", "name must have between 1 and 100 characters"))
    return name
