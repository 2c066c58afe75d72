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

from demo.esp import contacts
from demo.esp.store import Store
from lifecycle.testing import clock as clocks
from lifecycle.testing.faults import Fault

FATES = ("job_failed", "job_stuck", "rows_rejected")
NEVER = float(clocks.END_OF_TIME)


@dataclass(frozen=True)
class Pace:
    """How long jobs take: a number of `pending` answers, or of seconds (None: never by time alone)."""

    polls: int = 1
    seconds: float | None = 0.5


def submit(store: Store, kind: str, payload: Mapping[str, Any], now: int, fault: Fault | None) -> str:
    """Accept a job (`upsert`, `remove` or `delete`) and return its id; it is on disk when this returns."""
    key = str(uuid.uuid4())
    fate = None if fault is None or fault.kind not in FATES else [fault.kind, fault.rows, fault.message]
    results = {"requested_count": len(payload.get("contacts") or payload["contact_ids"])}
    submitted = NEVER if fault is not None and fault.kind == "job_stuck" else time.time()
    with store.transaction():
        store.run(
            "insert into job (id, kind, payload, fate, submitted, started_at, results) values (?, ?, ?, ?, ?, ?, ?)",
            (key, kind, orjson.dumps(payload), orjson.dumps(fate), submitted, now, _dumped(results)),
        )
    return key


def run_due(store: Store, pace: Pace, now: int, *, at_once: bool = False) -> None:
    """Carry out, in the order of their acceptance, the jobs whose time has come."""
    due = time.time() if at_once else (0.0 if pace.seconds is None else time.time() - pace.seconds)
    for job in store.rows("select * from job where status = 'pending' and submitted <= ? order by number", (due,)):
        _carry_out(store, job, now)


def poll(store: Store, pace: Pace, key: str, now: int) -> dict[str, Any] | None:
    """Ask about one job, which may bring it to its end. None if there is no such job."""
    with store.transaction():
        job = store.row("select * from job where id = ?", (key,))
        if job is None:
            return None
        store.run("update job set polls = polls + 1 where id = ?", (key,))
        if job["status"] == "pending" and job["polls"] >= pace.polls:
            _carry_out(store, job, now)
    return store.row("select * from job where id = ?", (key,))


def _carry_out(store: Store, job: Mapping[str, Any], now: int) -> None:
    fate, rows, message = orjson.loads(job["fate"]) or ("", 0, "")
    if job["submitted"] == NEVER:
        return
    payload, results = orjson.loads(job["payload"]), orjson.loads(job["results"])
    with store.transaction():
        status = "completed"
        if fate == "job_failed":
            status = "failed"
            results["errored_count"] = results["requested_count"]
        elif job["kind"] == "upsert":
            status = _upsert(store, payload, results, (rows, message) if fate else (0, ""), now)
        else:
            _take_away(store, job["kind"], payload, results)
        store.run(
            "update job set status = ?, results = ?, finished_at = ?, payload = null where id = ?",
            (status, _dumped(results), now, job["id"]),
        )


def _upsert(
    store: Store, payload: Mapping[str, Any], results: dict[str, Any], rejection: tuple[int, str], now: int
) -> str:
    types = contacts.field_types(store)
    counts = {"created": 0, "updated": 0}
    rejected: list[tuple[str, str]] = []
    for number, contact in enumerate(payload["contacts"]):
        reason = rejection[1] if number < rejection[0] else contacts.refused_value(contact, types)
        if reason is not None:
            rejected.append((contact["email"].strip().lower(), reason))
            continue
        outcome = contacts.upsert(store, contact, payload.get("list_ids") or (), types, now)
        if outcome is not None:
            counts[outcome] += 1
    results |= {
        "created_count": counts["created"],
        "updated_count": counts["updated"],
        "errored_count": len(rejected),
    }
    if not rejected:
        return "completed"
    results["errors_url"] = _errors_file(store, rejected)
    return "failed" if len(rejected) == len(payload["contacts"]) else "errored"


def _errors_file(store: Store, rejected: list[tuple[str, str]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(("email", "error"))
    writer.writerows(rejected)
    return keep_file(store, "errors.csv", text.getvalue().encode())


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
