"""Jobs: accepted at once, stored, and carried out later, each in one transaction, so nothing is half done.

A job is carried out when it was asked about more than `polls` times, or when `seconds` have passed since it
was accepted, whichever comes first.
"""

import csv
import io
import secrets
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from demo.esp import checks, contacts, index
from demo.esp.rules import CONTACT_LIMIT, Rules
from demo.esp.store import Store
from lifecycle.testing import clock as clocks
from lifecycle.testing.faults import JOBS, Fault

#: What the file of refused rows holds, where a fault says otherwise than the account's rules.
FILES = {"rows_unnamed": "messages", "rows_expired": "expired"}
EXPIRED = "expired.csv"
#: Jobs that wait, by the account's clock, for as many seconds as the fourth part of their fate says.
DUE = "started_at + coalesce(json_extract(fate, '$[3]'), 0) <= ?"
NEVER = float(clocks.END_OF_TIME)


@dataclass(frozen=True)
class Pace:
    """How long jobs take: a number of `pending` answers, or of seconds (None: never by time alone)."""

    polls: int = 1
    seconds: float | None = 0.5


def submit(store: Store, kind: str, payload: Mapping[str, Any], now: int, fault: Fault | None) -> str:
    """Accept a job (`upsert`, `remove` or `delete`) and return its id; it is on disk when this returns."""
    key = str(uuid.uuid4())
    fate = None
    if fault is not None and fault.kind in JOBS:
        fate = [fault.kind, fault.rows, fault.message, fault.seconds if fault.kind == "job_late" else 0]
    results = {"requested_count": len(payload.get("contacts") or payload["contact_ids"])}
    submitted = NEVER if fault is not None and fault.kind == "job_stuck" else time.time()
    with store.transaction():
        store.run(
            "insert into job (id, kind, payload, fate, submitted, started_at, results) values (?, ?, ?, ?, ?, ?, ?)",
            (key, kind, orjson.dumps(payload), orjson.dumps(fate), submitted, now, _dumped(results)),
        )
    return key


def run_due(store: Store, pace: Pace, rules: Rules, now: int, *, at_once: bool = False) -> None:
    """Carry out, in the order of their acceptance, the jobs whose time has come."""
    due = time.time() if at_once else (0.0 if pace.seconds is None else time.time() - pace.seconds)
    waiting = f"select * from job where status = 'pending' and submitted <= ? and {DUE} order by number"  # noqa: S608
    for job in store.rows(waiting, (due, clocks.END_OF_TIME if at_once else now)):
        _carry_out(store, rules, job, now)


def release(store: Store) -> None:
    """Let stuck and late jobs come to their end like any other."""
    store.run(
        "update job set submitted = 0, fate = 'null' where json_extract(fate, '$[0]') in ('job_stuck', 'job_late')"
    )


def poll(store: Store, pace: Pace, rules: Rules, key: str, now: int) -> dict[str, Any] | None:
    """Ask about one job, which may bring it to its end. None if there is no such job."""
    with store.transaction():
        job = store.row("select * from job where id = ?", (key,))
        if job is None:
            return None
        store.run("update job set polls = polls + 1 where id = ?", (key,))
        is_due = store.value(f"select {DUE} from job where id = ?", (now, key))  # noqa: S608 - no value
        if job["status"] == "pending" and job["polls"] >= pace.polls and is_due:
            _carry_out(store, rules, job, now)
    return store.row("select * from job where id = ?", (key,))


def _carry_out(store: Store, rules: Rules, job: Mapping[str, Any], now: int) -> None:
    fate, *_ = orjson.loads(job["fate"]) or [""]
    if job["submitted"] == NEVER:
        return
    payload, results = orjson.loads(job["payload"]), orjson.loads(job["results"])
    with store.transaction():
        index.fall_behind(store, rules)
        status = "completed"
        if fate == "job_failed":
            status = "failed"
            results["errored_count"] = results["requested_count"]
        elif job["kind"] == "upsert":
            status = _upsert(store, rules, payload, results, orjson.loads(job["fate"]), now)
        else:
            _take_away(store, job["kind"], payload, results)
        store.run(
            "update job set status = ?, results = ?, finished_at = ?, payload = null where id = ?",
            (status, _dumped(results), now, job["id"]),
        )


def _upsert(
    store: Store, rules: Rules, payload: Mapping[str, Any], results: dict[str, Any], fate: list[Any] | None, now: int
) -> str:
    types, room = contacts.field_types(store), checks.room_for(store, rules)
    counts = {"created": 0, "updated": 0}
    rejected: list[tuple[str, str]] = []
    kind, rows, message, _ = fate or ("", 0, "", 0)
    for number, contact in enumerate(payload["contacts"]):
        old = contacts.find(store, contact)
        reason = message if kind.startswith("rows_") and number < rows else None
        reason = reason or checks.refused_value(contact, types, rules) or checks.refused_identity(old, contact)
        if reason is None and old is None and room is not None and counts["created"] >= room:
            reason = CONTACT_LIMIT
        if reason is not None:
            rejected.append((contacts.address(contact), reason))
            continue
        outcome = contacts.upsert(store, contact, old, payload.get("list_ids") or (), types, now)
        if outcome is not None:
            counts[outcome] += 1
    results |= {
        "created_count": counts["created"],
        "updated_count": counts["updated"],
        "errored_count": len(rejected),
    }
    if not rejected:
        return "completed"
    if url := _errors_file(store, FILES.get(kind, rules.errors_file), rejected):
        results["errors_url"] = url
    return "failed" if len(rejected) == len(payload["contacts"]) else "errored"


def _errors_file(store: Store, form: str, rejected: list[tuple[str, str]]) -> str | None:
    if form == "missing":
        return None
    text = io.StringIO()
    writer = csv.writer(text)
    columns = slice(1, 2) if form == "messages" else slice(2)
    writer.writerow(("email", "error")[columns])
    writer.writerows(row[columns] for row in rejected)
    return keep_file(store, EXPIRED if form == "expired" else "errors.csv", text.getvalue().encode())


def keep_file(store: Store, name: str, body: bytes) -> str:
    """Keep a file for download and return its path, which is the permission to read it."""
    token = secrets.token_urlsafe(24)
    store.run("insert into file values (?, ?, ?)", (token, name, body))
    return f"/_files/{token}/{name}"


def _take_away(store: Store, kind: str, payload: Mapping[str, Any], results: dict[str, Any]) -> None:
    sql = "delete from contact where id = ?"
    if kind == "remove":
        sql = "delete from membership where contact_id = ? and list_id = ?"
    listed = (payload["list_id"],) if kind == "remove" else ()
    results["deleted_count"] = sum(store.run(sql, (key, *listed)) for key in payload["contact_ids"])


def shown(job: Mapping[str, Any], base_url: str) -> dict[str, Any]:
    """Return a job as the API shows it, with its download address made complete."""
    results = orjson.loads(job["results"])
    if "errors_url" in results:
        results["errors_url"] = base_url + results["errors_url"]
    finished = {} if job["finished_at"] is None else {"finished_at": clocks.iso(job["finished_at"])}
    return {
        "id": job["id"],
        "status": job["status"],
        "job_type": "upsert" if job["kind"] == "upsert" else "delete",
        "results": results,
        "started_at": clocks.iso(job["started_at"]),
        **finished,
    }


def _dumped(results: Mapping[str, Any]) -> str:
    return orjson.dumps(results).decode()
