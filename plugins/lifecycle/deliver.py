"""Send a plan, wait for the provider's word, put refused rows aside, write the ledger from that.

Every step is committed before the next begins, so a run that is killed goes on where it was: rows whose job
is open are asked about, not sent again; a request is repeated only if its answer was lost: that does no harm.
"""

import itertools
import json
import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import sql
from psycopg.rows import class_row

from lifecycle import warehouse
from lifecycle.destinations import Contact, Destination, Outcome
from lifecycle.errors import RetryLater, RowRejected

PATIENCE_SECONDS = 15 * 60.0
LONGEST_PAUSE = 10.0
REMOVALS_A_CALL = 100
BYTES_AROUND, BYTES_A_LIST = 200, 100

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Row:
    """One person's change: what is written, and the lists to join."""

    person_id: UUID
    email: str
    payload: dict[str, Any]
    add_lists: list[str]


Batch = list[tuple[Row, Contact]]


@dataclass(frozen=True, slots=True)
class Job:
    """A request whose outcome is open."""

    job_id: int
    run_id: int
    kind: str
    list_name: str | None
    provider_job: str
    is_overdue: bool = False


UNSENT = """
select person_id, email, payload, add_lists from delivery.plan
where run_id = %(run_id)s and (payload <> '{}' or add_lists <> '{}')
    and not exists (
        select from delivery.job_row join delivery.job using (job_id)
        where job_row.run_id = plan.run_id and job_row.person_id = plan.person_id
            and job.kind = 'upsert' and job.status <> 'failed')
    and not exists (
        select from delivery.reject where reject.run_id = plan.run_id and reject.person_id = plan.person_id)
order by add_lists, person_id
"""

UNREMOVED = """
select list_name, person_id, email from delivery.plan, unnest(remove_lists) as leaving (list_name)
where run_id = %(run_id)s
    and not exists (
        select from delivery.job_row join delivery.job using (job_id)
        where job_row.run_id = plan.run_id and job_row.person_id = plan.person_id
            and job.kind = 'remove' and job.list_name = leaving.list_name and job.status <> 'failed')
order by list_name, person_id
"""

CONFIRM_UPSERT = """
insert into delivery.ledger as known (destination, person_id, email, fields, lists, confirmed_at, run_id)
select %(destination)s, person_id, plan.email, plan.desired, plan.add_lists, now(), plan.run_id
from delivery.job_row join delivery.plan using (run_id, person_id)
where job_id = %(job_id)s and not person_id = any(%(rejected)s)
on conflict (destination, person_id) do update
set email = excluded.email, fields = excluded.fields, is_certain = true, confirmed_at = now(), run_id = excluded.run_id,
    lists = array(select unnest(known.lists) union select unnest(excluded.lists) order by 1)
"""

DOUBT = """
insert into delivery.ledger as known (destination, person_id, email, fields, lists, is_certain, confirmed_at, run_id)
select %(destination)s, person_id, plan.email,
    (select coalesce(jsonb_object_agg(key, null::text), '{}') from jsonb_object_keys(plan.desired) as key),
    plan.add_lists, false, now(), plan.run_id
from delivery.job_row join delivery.plan using (run_id, person_id)
where job_id = %(job_id)s and not person_id = any(%(rejected)s)
on conflict (destination, person_id) do update
set is_certain = false,
    fields = (
        select coalesce(jsonb_object_agg(key, null::text), '{}')
        from jsonb_object_keys(known.fields || excluded.fields) as key
    ),
    lists = array(select unnest(known.lists) union select unnest(excluded.lists) order by 1)
"""

CONFIRM_REMOVAL = """
update delivery.ledger
set lists = array_remove(lists, %(list_name)s), confirmed_at = now(), run_id = job_row.run_id
from delivery.job_row
where job_row.job_id = %(job_id)s and ledger.person_id = job_row.person_id
    and ledger.destination = %(destination)s
"""

REJECT = """
insert into delivery.reject (destination, person_id, email, payload, add_lists, message, run_id)
select %(destination)s, person_id, email, payload, add_lists, %(message)s, run_id
from delivery.plan where run_id = %(run_id)s and person_id = %(person_id)s
"""


def settle(url: str, destination: Destination) -> int:
    """Ask about the jobs that an earlier run left open, until each has an outcome; return how many."""
    with (
        warehouse.only_one(url, f"deliver {destination.name}"),
        warehouse.connect(url, autocommit=True) as connection,
    ):
        return _wait(connection, destination)


def run(url: str, destination: Destination, run_id: int) -> dict[str, int]:
    """Send what is left of a plan; return the counts ``planned, sent, confirmed, rejected``.

    Raises ``RetryLater`` if the provider does not finish in time, or if it failed a job as a whole.
    """
    with (
        warehouse.only_one(url, f"deliver {destination.name}"),
        warehouse.connect(url, autocommit=True) as connection,
    ):
        _wait(connection, destination)
        for lists, rows in _batches(url, destination, run_id):
            _send(connection, destination, run_id, lists, rows)
        _wait(connection, destination)
        for list_name, members in _removals(connection, run_id):
            _remove(connection, destination, run_id, list_name, members)
        _wait(connection, destination)
        left = _count(connection, UNSENT, run_id) + _count(connection, UNREMOVED, run_id)
        if left:
            message = f"run {run_id}: the provider failed jobs; rows left to send: {left}"
            raise RetryLater(message)
        connection.execute("update delivery.run set delivered_at = now() where run_id = %s", [run_id])
        return counts(connection, run_id)


def _count(connection: warehouse.Connection, query: str, run_id: int) -> int:
    counting = sql.SQL("select count(*) from ({}) as rows").format(sql.SQL(query))
    row = connection.execute(counting, {"run_id": run_id}).fetchone()
    return int(row[0]) if row else 0


def counts(connection: warehouse.Connection, run_id: int) -> dict[str, int]:
    """How many people's changes were planned, sent, confirmed as a whole, and rejected."""
    row = connection.execute(
        """
        with sent as (
            select person_id, bool_and(status = 'completed') as finished
            from delivery.job_row join delivery.job using (job_id)
            where job_row.run_id = %(run_id)s and status <> 'failed' group by person_id
        ),
        rejected as (select distinct person_id from delivery.reject where run_id = %(run_id)s)
        select
            (select count(*) from delivery.plan where run_id = %(run_id)s),
            (select count(*) from (select person_id from sent union table rejected) as people),
            (select count(*) from sent where finished and person_id not in (
                table rejected union select person_id from delivery.ledger where not is_certain)),
            (select count(*) from rejected)
        """,
        {"run_id": run_id},
    ).fetchone()
    return dict(zip(("planned", "sent", "confirmed", "rejected"), row or (0, 0, 0, 0), strict=True))


def _batches(url: str, destination: Destination, run_id: int) -> Iterator[tuple[list[str], Batch]]:
    """Full batches of people who join the same lists, streamed: memory holds one batch."""
    with warehouse.connect(url) as reader, reader.cursor("unsent", row_factory=class_row(Row)) as rows:
        rows.itersize = 5000
        rows.execute(UNSENT, {"run_id": run_id})
        for lists, people in itertools.groupby(rows, key=lambda row: row.add_lists):
            batch: Batch = []
            size = room = destination.most_bytes - BYTES_AROUND - BYTES_A_LIST * len(lists)
            for row in people:
                contact = destination.contact(row.email, row.payload)
                weight = len(json.dumps(contact)) + 2
                if batch and (len(batch) == destination.most_contacts or weight > size):
                    yield lists, batch
                    batch, size = [], room
                batch.append((row, contact))
                size -= weight
            yield lists, batch


def _send(
    connection: warehouse.Connection,
    destination: Destination,
    run_id: int,
    lists: Sequence[str],
    batch: Batch,
) -> None:
    """Send one batch. Rows that the provider names are put aside, the rest sent; if it names none, halve."""
    while batch:
        job = _store_job(connection, destination, run_id, "upsert", None, [row.person_id for row, _ in batch])
        try:
            provider_job = destination.upsert([contact for _, contact in batch], lists)
        except RowRejected as refusal:
            connection.execute("update delivery.job set status = 'failed' where job_id = %s", [job.job_id])
            named = {place: why for place, why in refusal.reasons.items() if place < len(batch)}
            if not named and len(batch) > 1:
                middle = len(batch) // 2
                _send(connection, destination, run_id, lists, batch[:middle])
                batch = batch[middle:]
                continue
            named = named or {0: "refused by the provider, which did not say why"}
            for place, why in named.items():
                _reject(connection, destination, run_id, batch[place][0].person_id, why)
            batch = [row for place, row in enumerate(batch) if place not in named]
        else:
            connection.execute(
                "update delivery.job set status = 'submitted', provider_job = %s where job_id = %s",
                [provider_job, job.job_id],
            )
            return


def _removals(connection: warehouse.Connection, run_id: int) -> Iterator[tuple[str, list[tuple[UUID, str]]]]:
    """List → the people to take off it, at most ``REMOVALS_A_CALL`` at a time."""
    rows = connection.execute(UNREMOVED, {"run_id": run_id}).fetchall()
    for list_name, people in itertools.groupby(rows, key=lambda row: str(row[0])):
        members = [(row[1], row[2]) for row in people]
        for start in range(0, len(members), REMOVALS_A_CALL):
            yield list_name, members[start : start + REMOVALS_A_CALL]


def _remove(
    connection: warehouse.Connection,
    destination: Destination,
    run_id: int,
    list_name: str,
    members: list[tuple[UUID, str]],
) -> None:
    provider_job = destination.remove(list_name, [email for _, email in members])
    people = [person_id for person_id, _ in members]
    job = _store_job(connection, destination, run_id, "remove", provider_job, people, list_name)
    if provider_job is None:  # nobody is on the list any more
        _finish(connection, destination, job, Outcome("completed"))


def _store_job(
    connection: warehouse.Connection,
    destination: Destination,
    run_id: int,
    kind: str,
    provider_job: str | None,
    people: Iterable[UUID],
    list_name: str | None = None,
) -> Job:
    """Remember a request and its rows: an upsert before it is made, a removal before its outcome is asked about."""
    with connection.transaction():
        row = connection.execute(
            "insert into delivery.job (run_id, destination, kind, list_name, provider_job, status)"
            " values (%s, %s, %s, %s, %s, %s) returning job_id",
            [run_id, destination.name, kind, list_name, provider_job, "intended" if kind == "upsert" else "submitted"],
        ).fetchone()
        job = Job(row[0] if row else 0, run_id, kind, list_name, provider_job or "")
        connection.execute(
            "insert into delivery.job_row (job_id, run_id, person_id) select %s, %s, unnest(%s::uuid[])",
            [job.job_id, run_id, list(people)],
        )
    return job


def _wait(connection: warehouse.Connection, destination: Destination) -> int:
    """Ask about every open job until it has an outcome; return how many were open, cut-off requests included.

    Raises ``RetryLater`` after ``PATIENCE_SECONDS``; the jobs stay open, and the next run asks again.
    """
    cut_off = connection.execute(
        "select job_id from delivery.job where destination = %s and status = 'intended'", [destination.name]
    ).fetchall()
    for (job_id,) in cut_off:
        with connection.transaction():
            connection.execute(DOUBT, {"destination": destination.name, "job_id": job_id, "rejected": []})
            connection.execute("update delivery.job set status = 'failed' where job_id = %s", [job_id])
    with connection.cursor(row_factory=class_row(Job)) as cursor:
        still_open = cursor.execute(
            "select job_id, run_id, kind, list_name, coalesce(provider_job, '') as provider_job,"
            " submitted_at < now() - make_interval(secs => %s) as is_overdue"
            " from delivery.job where destination = %s and status = 'submitted' order by job_id",
            [PATIENCE_SECONDS, destination.name],
        ).fetchall()
    asked, until, pause = len(cut_off) + len(still_open), time.monotonic() + PATIENCE_SECONDS, 0.1
    while still_open:
        still_open = [job for job in still_open if not _settled(connection, destination, job)]
        if still_open and time.monotonic() > until:
            waited = f"still pending after {PATIENCE_SECONDS:.0f} s"
            message = f"{len(still_open)} job(s) {waited}; the next run asks again"
            raise RetryLater(message)
        if still_open:
            time.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
    return asked


def _settled(connection: warehouse.Connection, destination: Destination, job: Job) -> bool:
    outcome = destination.outcome(job.provider_job) if job.provider_job else Outcome("unknown")
    if outcome.status == "unknown":
        outcome = _looked_up(connection, destination, job)
    if outcome.status == "pending":
        return False
    _finish(connection, destination, job, outcome)
    return True


def _looked_up(connection: warehouse.Connection, destination: Destination, job: Job) -> Outcome:
    """A job that the provider doesn't know: a removal shows on the list itself, an upsert is sent again."""
    if job.kind == "upsert" or job.list_name is None:
        return Outcome("failed")
    emails = [email for _, email in _people(connection, job)]
    if not destination.members_among(job.list_name, emails):
        return Outcome("completed")
    return Outcome("failed" if job.is_overdue else "pending")


def _finish(connection: warehouse.Connection, destination: Destination, job: Job, outcome: Outcome) -> None:
    """Write a job's outcome: ledger, rejected rows and the job's end, in one transaction."""
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
            _reject(connection, destination, job.run_id, person_id, why)
        if outcome.status == "completed":
            confirm = CONFIRM_UPSERT if job.kind == "upsert" else CONFIRM_REMOVAL
            connection.execute(DOUBT if unnamed else confirm, values)
        connection.execute(
            "update delivery.job set status = %(status)s, finished_at = now(), confirmed = %(confirmed)s,"
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
        "select person_id, email from delivery.job_row join delivery.plan using (run_id, person_id) where job_id = %s",
        [job.job_id],
    ).fetchall()


def _reject(connection: warehouse.Connection, destination: Destination, run_id: int, person_id: UUID, why: str) -> None:
    values = {
        "destination": destination.name,
        "run_id": run_id,
        "person_id": person_id,
        "message": why[:1000],
    }
    connection.execute(REJECT, values)
    log.warning("run %d: person %s is refused by the provider and put aside", run_id, person_id)
