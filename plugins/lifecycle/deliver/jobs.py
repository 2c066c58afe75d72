"""Requests whose outcome the provider reports later: stored before they are made, polled until the outcome is known."""

import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from psycopg.rows import class_row

from lifecycle import warehouse
from lifecycle.destinations import Destination, ListsMembers, Outcome, Upserts
from lifecycle.errors import RetryLater

PATIENCE_SECONDS = 15 * 60.0
FIRST_PAUSE = 0.1


@dataclass(frozen=True, slots=True)
class Job:
    """A request whose outcome is open."""

    job_id: int
    run_id: int
    kind: str
    list_name: str | None
    provider_job: str
    is_overdue: bool = False


CONFIRM_UPSERT = """
insert into $delivery.ledger as known (destination, person_id, email, fields, lists, confirmed_at, run_id)
select %(destination)s, person_id, plan.email, plan.desired, plan.add_lists, now(), plan.run_id
from $delivery.job_row join $delivery.plan using (run_id, person_id)
where job_id = %(job_id)s and not person_id = any(%(rejected)s)
on conflict (destination, person_id) do update
set email = excluded.email, fields = excluded.fields, is_certain = true, confirmed_at = now(), run_id = excluded.run_id,
    lists = array(select unnest(known.lists) union select unnest(excluded.lists) order by 1)
"""

MARK_UNCERTAIN = """
insert into $delivery.ledger as known (destination, person_id, email, fields, lists, is_certain, confirmed_at, run_id)
select %(destination)s, person_id, plan.email,
    (select coalesce(jsonb_object_agg(key, null::text), '{}') from jsonb_object_keys(plan.desired) as key),
    plan.add_lists, false, now(), plan.run_id
from $delivery.job_row join $delivery.plan using (run_id, person_id)
where job_id = %(job_id)s and not person_id = any(%(rejected)s)
on conflict (destination, person_id) do update
set email = excluded.email, is_certain = false,
    fields = (
        select coalesce(jsonb_object_agg(key, null::text), '{}')
        from jsonb_object_keys(known.fields || excluded.fields) as key
    ),
    lists = array(select unnest(known.lists) union select unnest(excluded.lists) order by 1)
"""

ENTER = """
insert into $delivery.membership (destination, person_id, list_name, entered_on, entered_run)
select %(destination)s, person_id, list_name, run_date, run_id
from $delivery.job_row join $delivery.plan using (run_id, person_id) join $delivery.run using (run_id)
    cross join unnest(add_lists) as list_name
where job_id = %(job_id)s and not person_id = any(%(rejected)s)
on conflict (destination, person_id, list_name) where left_run is null do nothing
"""

CONFIRM_REMOVAL = """
update $delivery.ledger
set lists = array_remove(lists, %(list_name)s), confirmed_at = now(), run_id = job_row.run_id
from $delivery.job_row
where job_row.job_id = %(job_id)s and ledger.person_id = job_row.person_id
    and ledger.destination = %(destination)s
"""

LEAVE = """
update $delivery.membership set left_on = run_date, left_run = run.run_id
from $delivery.job_row join $delivery.run using (run_id)
where job_row.job_id = %(job_id)s and membership.person_id = job_row.person_id
    and membership.destination = %(destination)s and list_name = %(list_name)s and left_run is null
"""

REJECT = """
insert into $delivery.reject (destination, person_id, email, payload, add_lists, message, run_id)
select %(destination)s, person_id, email, payload, add_lists, %(message)s, run_id
from $delivery.plan where run_id = %(run_id)s and person_id = %(person_id)s
"""

STILL_OPEN = """
select job_id, run_id, kind, list_name, coalesce(provider_job, '') as provider_job,
    submitted_at < now() - make_interval(secs => %s) as is_overdue
from $delivery.job where destination = %s and status = 'submitted' order by job_id
"""

log = logging.getLogger(__name__)


def intend(
    connection: warehouse.Connection,
    destination: Destination,
    run_id: int,
    kind: Literal["upsert", "remove"],
    people: Iterable[UUID],
    list_name: str | None = None,
) -> Job:
    """Store a request and its rows before it is made."""
    with connection.transaction():
        row = connection.execute(
            "insert into $delivery.job (run_id, destination, kind, list_name, status)"
            " values (%s, %s, %s, %s, 'intended') returning job_id",
            [run_id, destination.name, kind, list_name],
        ).fetchone()
        job = Job(row[0] if row else 0, run_id, kind, list_name, "")
        connection.execute(
            "insert into $delivery.job_row (job_id, run_id, person_id) select %s, %s, unnest(%s::uuid[])",
            [job.job_id, run_id, list(people)],
        )
    return job


def mark_submitted(connection: warehouse.Connection, job: Job, provider_job: str) -> None:
    """The provider has taken the request and named its job."""
    connection.execute(
        "update $delivery.job set status = 'submitted', provider_job = %s where job_id = %s", [provider_job, job.job_id]
    )


def mark_failed(connection: warehouse.Connection, job_id: int) -> None:
    """The request is known not to be carried out."""
    connection.execute("update $delivery.job set status = 'failed', finished_at = now() where job_id = %s", [job_id])


def mark_uncertain(connection: warehouse.Connection, destination: Destination, job_id: int) -> None:
    """The request may have been carried out: its people may be on its lists now, whatever becomes of later requests."""
    values = {"destination": destination.name, "job_id": job_id, "rejected": []}
    with connection.transaction():
        connection.execute(MARK_UNCERTAIN, values)
        connection.execute(ENTER, values)
        mark_failed(connection, job_id)


def record_removal(
    connection: warehouse.Connection,
    destination: Destination,
    run_id: int,
    list_name: str,
    people: Iterable[UUID],
    provider_job: str | None,
) -> None:
    """Store a removal that was requested; without a job of the provider's it is done already.

    Removing somebody twice does no harm, so a removal is stored only when the provider has named its job.
    """
    with connection.transaction():
        job = intend(connection, destination, run_id, "remove", people, list_name)
        if provider_job is None:
            _finish(connection, destination, job, Outcome("completed"))
        else:
            mark_submitted(connection, job, provider_job)


def reject(connection: warehouse.Connection, destination: Destination, run_id: int, person_id: UUID, why: str) -> None:
    """Quarantine a person's row with the provider's message."""
    values = {"destination": destination.name, "run_id": run_id, "person_id": person_id, "message": why[:1000]}
    connection.execute(REJECT, values)
    log.warning("run %d: person %s is refused by the provider and quarantined", run_id, person_id)


def wait(connection: warehouse.Connection, destination: Upserts) -> int:
    """Poll every open job until it has an outcome; return how many were open, requests that were cut off included.

    Raises ``RetryLater`` after ``PATIENCE_SECONDS``; the jobs stay open, and the next run polls again.
    """
    cut_off = connection.execute(
        "select job_id from $delivery.job where destination = %s and status = 'intended'", [destination.name]
    ).fetchall()
    for (job_id,) in cut_off:
        mark_uncertain(connection, destination, job_id)
    with connection.cursor(row_factory=class_row(Job)) as cursor:
        still_open = cursor.execute(STILL_OPEN, [PATIENCE_SECONDS, destination.name]).fetchall()
    asked, until, pause = len(cut_off) + len(still_open), time.monotonic() + PATIENCE_SECONDS, FIRST_PAUSE
    while still_open:
        still_open = [job for job in still_open if not _resolved(connection, destination, job)]
        if still_open and time.monotonic() > until:
            waited = f"still pending after {PATIENCE_SECONDS:.0f} s"
            message = f"{len(still_open)} job(s) {waited}; the next run asks again"
            raise RetryLater(message)
        if still_open:
            time.sleep(pause)
            pause = min(pause * 2, destination.max_poll_seconds)
    return asked


def _resolved(connection: warehouse.Connection, destination: Upserts, job: Job) -> bool:
    outcome = destination.outcome(job.provider_job) if job.provider_job else Outcome("unknown")
    if outcome.status == "unknown":
        outcome = _looked_up(connection, destination, job)
    if outcome.status == "pending":
        return False
    _finish(connection, destination, job, outcome)
    return True


def _looked_up(connection: warehouse.Connection, destination: Destination, job: Job) -> Outcome:
    """A job that the provider doesn't know: the list itself shows a removal, everything else is sent again.

    Removing somebody twice does no harm: where members can't be looked up, a removal is sent again too.
    """
    if job.kind == "upsert" or job.list_name is None or not isinstance(destination, ListsMembers):
        return Outcome("failed")
    emails = [email for _, email in _people(connection, job)]
    if not destination.members_among(job.list_name, emails):
        return Outcome("completed")
    return Outcome("failed" if job.is_overdue else "pending")


def _finish(connection: warehouse.Connection, destination: Destination, job: Job, outcome: Outcome) -> None:
    """Write a job's outcome: ledger, memberships, rejected rows and the job's end, in one transaction."""
    people, reasons = _people(connection, job), dict(outcome.rejected)
    refused = {person_id: reasons[email.lower()] for person_id, email in people if email.lower() in reasons}
    unnamed = max(outcome.rejected_count - len(refused), 0)
    if unnamed and outcome.status == "completed":
        log.warning("job %d: %d refused rows are not named; its people are sent again", job.job_id, unnamed)
    values = {
        "destination": destination.name,
        "job_id": job.job_id,
        "list_name": job.list_name,
        "rejected": list(refused),
        "confirmed": len(people) - len(refused) if outcome.status == "completed" and not unnamed else 0,
        "refused": len(refused),
        "status": outcome.status,
    }
    with connection.transaction():
        for person_id, why in refused.items():
            reject(connection, destination, job.run_id, person_id, why)
        if outcome.status == "completed":
            upserted = (MARK_UNCERTAIN if unnamed else CONFIRM_UPSERT, ENTER)
            for statement in upserted if job.kind == "upsert" else (CONFIRM_REMOVAL, LEAVE):
                connection.execute(statement, values)
        connection.execute(
            "update $delivery.job set status = %(status)s, finished_at = now(), confirmed = %(confirmed)s,"
            " rejected = %(refused)s where job_id = %(job_id)s",
            values,
        )
    log.info(
        "job %d (%s): %s, %d confirmed, %d rejected",
        job.job_id,
        job.kind,
        outcome.status,
        values["confirmed"],
        len(refused),
    )


def _people(connection: warehouse.Connection, job: Job) -> list[tuple[UUID, str]]:
    return connection.execute(
        "select person_id, email from $delivery.job_row join $delivery.plan using (run_id, person_id)"
        " where job_id = %s",
        [job.job_id],
    ).fetchall()
