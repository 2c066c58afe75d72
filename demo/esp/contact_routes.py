"""The answers about contacts, their jobs and their exports."""

import csv
import gzip
import io
import uuid
from collections.abc import Iterable

import orjson
from starlette.requests import Request
from starlette.responses import Response

from demo.esp import checks, contacts, index, jobs
from demo.esp.context import (
    MAX_IDS,
    Context,
    accepted,
    base_url,
    body_of,
    comma_separated,
    json_answer,
    not_found,
    parsed,
    row_or_404,
    self_link,
)
from demo.esp.refusal import Refusal
from lifecycle.testing import clock as clocks
from lifecycle.testing.faults import FAULT

SAMPLE = 50
KEPT_SECONDS = 3 * 86_400
#: By the contract, and for an address that no search will have: twilio/sendgrid-oai#7.
LONGEST_SEARCHED = 100


async def put_contacts(request: Request, context: Context) -> Response:
    """Accept an upsert."""
    raw = await request.body()
    body = parsed(raw)
    checks.check(context.store, context.rules, len(raw), body)
    return accepted(request, context, "upsert", body)


async def delete_contacts(request: Request, context: Context) -> Response:
    """Accept the deletion of contacts by id."""
    return accepted(request, context, "delete", {"contact_ids": comma_separated(request, "ids")})


async def sample_contacts(request: Request, context: Context) -> Response:
    """Show the most recent contacts and the count of all."""
    horizon, seen = context.clock.horizon(), index.look(context.store)
    newest = f"select id from {seen}contact where created_at <= ? order by updated_at desc, id limit ?"  # noqa: S608
    where = f"c.id in ({newest}) order by c.email"
    result = contacts.shown(context.store, horizon, where, (horizon, SAMPLE), seen)
    count = _contact_count(context, seen)
    return json_answer({"result": result, "contact_count": count, "_metadata": self_link(request)})


async def count_contacts(_request: Request, context: Context) -> Response:
    """Count all contacts."""
    count = _contact_count(context, index.look(context.store))
    return json_answer({"contact_count": count, "billable_count": count})


async def get_contact(request: Request, context: Context) -> Response:
    """Show one contact."""
    rows = contacts.shown(context.store, context.clock.horizon(), "c.id = ?", (request.path_params["id"],))
    return json_answer(row_or_404(rows[0] if rows else None))


async def search_emails(request: Request, context: Context) -> Response:
    """Resolve up to 100 addresses to contacts; a 404 if it finds none of them."""
    fault = request.scope[FAULT]
    emails = [email.strip().lower() for email in (await body_of(request)).get("emails") or () if email.strip()]
    if not 1 <= len(emails) <= MAX_IDS:
        raise Refusal(400, ("emails", f"between 1 and {MAX_IDS} emails are required"))
    if longest := [n for n, email in enumerate(emails) if len(email) > LONGEST_SEARCHED]:
        text = f"length should be less than {LONGEST_SEARCHED} chars"
        raise Refusal(400, *((f"emails[{n}]", text) for n in longest))
    marks = ",".join("?" * len(emails))
    seen, horizon = index.look(context.store), context.clock.horizon()
    by_email = {c["email"]: c for c in contacts.shown(context.store, horizon, f"c.email in ({marks})", emails, seen)}
    if not by_email or (fault is not None and fault.kind == "search_misses"):
        raise not_found()
    missing = {"error": "contact not found"}
    return json_answer(
        {"result": {email: {"contact": by_email[email]} if email in by_email else missing for email in emails}}
    )


async def get_import(request: Request, context: Context) -> Response:
    """Show how a job stands."""
    job = row_or_404(
        jobs.poll(context.store, context.pace, context.rules, request.path_params["id"], context.clock.stamp())
    )
    return json_answer(jobs.shown(job, base_url(request)))


async def post_export(request: Request, context: Context) -> Response:
    """Write an export as things stand now; it is ready after as many polls as a job."""
    asked, fault = await body_of(request), request.scope[FAULT]
    kind = None if fault is None else fault.kind
    exported = _exported(context, asked.get("list_ids") or ())
    file_type, key, now = asked.get("file_type", "csv"), str(uuid.uuid4()), context.clock.stamp()
    if file_type not in ("csv", "json"):
        raise Refusal(400, ("file_type", "file_type must be csv or json"))
    body = _json_lines(exported) if file_type == "json" else _csv(exported)
    name = f"contacts.{file_type}" + (".gz" if context.rules.gzip_exports else "")
    with context.store.transaction():
        path = jobs.keep_file(context.store, name, gzip.compress(body) if context.rules.gzip_exports else body)
        polls = -clocks.END_OF_TIME if kind == "job_stuck" else 0
        path = "" if kind == "job_failed" else path
        context.store.run("insert into export values (?, ?, ?, ?, ?)", (key, polls, now, path, len(exported)))
    return json_answer({"id": key, "_metadata": self_link(request)}, 202)


async def get_export(request: Request, context: Context) -> Response:
    """Show how an export stands."""
    key = request.path_params["id"]
    export = row_or_404(context.store.row("select * from export where id = ?", (key,)))
    context.store.run("update export set polls = polls + 1 where id = ?", (key,))
    created = clocks.iso(export["created_at"])
    answer = {
        "id": key,
        "status": "pending",
        "created_at": created,
        "updated_at": created,
        "expires_at": clocks.iso(export["created_at"] + KEPT_SECONDS),
        "_metadata": self_link(request),
    }
    if export["polls"] >= context.pace.polls and not export["file"]:
        answer |= {"status": "failure", "message": "the export failed"}
    elif export["polls"] >= context.pace.polls:
        ready = {"status": "ready", "completed_at": created, "contact_count": export["contact_count"]}
        answer |= {**ready, "urls": [base_url(request) + export["file"]]}
    return json_answer(answer)


async def download(request: Request, context: Context) -> Response:
    """Hand out a kept file to whoever knows its address."""
    file = row_or_404(context.store.row("select * from file where token = ?", (request.path_params["token"],)))
    if file["name"] == jobs.EXPIRED:
        raise Refusal(403, (None, "Request has expired"))
    kinds = {"csv": "text/csv", "json": "application/json", "gz": "application/gzip"}
    return Response(file["body"], media_type=kinds[file["name"].rpartition(".")[2]])


def on_lists(context: Context, list_ids: Iterable[str]) -> list[contacts.Contact]:
    """Return the contacts on any of these lists; all contacts where no list is given."""
    horizon, keys, seen = context.clock.horizon(), list(list_ids), index.look(context.store)
    if not keys:
        return contacts.shown(context.store, horizon, "true order by c.email", seen=seen)
    marks = ",".join("?" * len(keys))
    members = f"select contact_id from {seen}membership where added_at <= ? and list_id in ({marks})"  # noqa: S608 - marks
    return contacts.shown(context.store, horizon, f"c.id in ({members}) order by c.email", (horizon, *keys), seen)


def _exported(context: Context, list_ids: Iterable[str]) -> list[contacts.Contact]:
    known = {row["id"] for row in context.store.rows("select id from list")}
    if not known.issuperset(list_ids):
        raise Refusal(404, ("list_ids", "list ids do not exist"))
    rows = on_lists(context, list_ids)
    return [{"contact_id": row["id"]} | {key: value for key, value in row.items() if key != "id"} for row in rows]


def _json_lines(rows: list[contacts.Contact]) -> bytes:
    return b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows)


def _csv(rows: list[contacts.Contact]) -> bytes:
    flat = [{k.upper(): v for k, v in row.items() if k != "custom_fields"} | row["custom_fields"] for row in rows]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(dict.fromkeys(key for row in flat for key in row)))
    writer.writeheader()
    writer.writerows(flat)
    return text.getvalue().encode()


def _contact_count(context: Context, seen: str) -> int:
    count = f"select count(*) from {seen}contact where created_at <= ?"  # noqa: S608 - a name of ours
    return int(context.store.value(count, (context.clock.horizon(),)))
