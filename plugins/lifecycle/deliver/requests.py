"""Requests whose outcome the provider reports later: stored before they are made, with their rows."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from lifecycle import warehouse

#: The reason of a single row that was refused without one.
UNEXPLAINED = "refused by the provider, which did not say why"


@dataclass(frozen=True, slots=True)
class Job:
    """A request whose outcome is open."""

    job_id: int
    run_id: int
    kind: str
    list_name: str | None
    provider_job: str
    part_of: int | None = None


MARK_UNCERTAIN = """
insert into $delivery.ledger as known (account_id, person_id, email, fields, lists, is_certain, confirmed_at, run_id)
select %(account)s, person_id, plan.email,
    (select coalesce(jsonb_object_agg(key, null::text), '{}') from jsonb_object_keys(plan.desired) as key),
    plan.add_lists, false, now(), plan.run_id
from $delivery.job_row join $delivery.plan using (run_id, person_id)
where job_id = %(job_id)s and not person_id = any(%(rejected)s)
on conflict (account_id, person_id) do update
set email = excluded.email, is_certain = false,
    fields = (
        select coalesce(jsonb_object_agg(key, null::text), '{}')
        from jsonb_object_keys(known.fields || excluded.fields) as key
    ),
    lists = array(select unnest(known.lists) union select unnest(excluded.lists) order by 1)
"""

ENTER = """
insert into $delivery.membership (account_id, person_id, list_name, entered_on, entered_run)
select %(account)s, person_id, list_name, run_date, run_id
from $delivery.job_row join $delivery.plan using (run_id, person_id) join $delivery.run using (run_id)
    cross join unnest(add_lists) as list_name
where job_id = %(job_id)s and not person_id = any(%(rejected)s)
on conflict (account_id, person_id, list_name) where left_run is null do nothing
"""

REJECT = """
insert into $delivery.reject (account_id, person_id, email, payload, add_lists, message, run_id)
select %(account)s, person_id, email, payload, add_lists, %(message)s, run_id
from $delivery.plan where run_id = %(run_id)s and person_id = %(person_id)s
"""

log = logging.getLogger(__name__)


def intend(
    connection: warehouse.Connection,
    account_id: int,
    run_id: int,
    kind: Literal["upsert", "remove"],
    people: Iterable[UUID],
    *,
    list_name: str | None = None,
    part_of: int | None = None,
) -> Job:
    """Store a request and its rows before it is made; ``part_of`` is the job whose half it is."""
    with connection.transaction():
        row = connection.execute(
            "insert into $delivery.job (run_id, account_id, kind, list_name, part_of, status)"
            " values (%s, %s, %s, %s, %s, 'intended') returning job_id",
            [run_id, account_id, kind, list_name, part_of],
        ).fetchone()
        job = Job(row[0] if row else 0, run_id, kind, list_name, "", part_of)
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


def end(connection: warehouse.Connection, job_id: int, status: Literal["failed", "doubted"]) -> None:
    """The request is known not to be carried out, or nobody knows whether it will be."""
    connection.execute("update $delivery.job set status = %s, finished_at = now() where job_id = %s", [status, job_id])


def mark_uncertain(
    connection: warehouse.Connection, account_id: int, job_id: int, status: Literal["failed", "doubted"] = "failed"
) -> None:
    """The request may have been carried out: its people may be on its lists now, whatever becomes of later requests."""
    values = {"account": account_id, "job_id": job_id, "rejected": []}
    with connection.transaction():
        connection.execute(MARK_UNCERTAIN, values)
        connection.execute(ENTER, values)
        end(connection, job_id, status)


def reject(connection: warehouse.Connection, account_id: int, run_id: int, person_id: UUID, why: str) -> None:
    """Quarantine a person's row with the provider's message."""
    values = {"account": account_id, "run_id": run_id, "person_id": person_id, "message": why[:1000]}
    connection.execute(REJECT, values)
    log.warning("run %d: person %s is refused by the provider and quarantined", run_id, person_id)
