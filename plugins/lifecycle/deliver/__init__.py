"""Send a plan, wait until the provider confirms it, quarantine refused rows, and write the ledger from that.

Every step is committed before the next begins, so a run that is killed goes on where it was: rows whose job is open
are polled, not sent again. A request is repeated only if its response was lost, which does no harm.
"""

import contextlib
import itertools
import logging
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar
from uuid import UUID

from psycopg import sql
from psycopg.rows import TupleRow

from lifecycle import warehouse, web
from lifecycle.deliver import jobs
from lifecycle.destinations import Destination, Removes, Upserts
from lifecycle.errors import GuardTripped, RetryLater, RowRejected, Stop

BYTES_AROUND, BYTES_A_LIST = 200, 100

T = TypeVar("T")
Leaving = tuple[str, list[tuple[UUID, str]]]
log = logging.getLogger(__name__)


@dataclass(slots=True)
class Batch:
    """People who join the same lists: their ids, and each one's contact as the provider wants it."""

    lists: Sequence[str]
    people: list[UUID] = field(default_factory=list)
    contacts: list[bytes] = field(default_factory=list)

    def cut(self, first: int, last: int) -> "Batch":
        """The rows from ``first`` to ``last``, without the last."""
        return Batch(self.lists, self.people[first:last], self.contacts[first:last])

    def without(self, places: Iterable[int]) -> "Batch":
        """All rows but those at some places."""
        kept = sorted({*range(len(self.people))} - {*places})
        return Batch(self.lists, [self.people[place] for place in kept], [self.contacts[place] for place in kept])


UNSENT = """
select add_lists, person_id, email, payload from $delivery.plan
where run_id = %(run_id)s and change <> 'refused' and (payload <> '{}' or add_lists <> '{}')
    and not exists (
        select from $delivery.job_row join $delivery.job using (job_id)
        where job_row.run_id = plan.run_id and job_row.person_id = plan.person_id
            and job.kind = 'upsert' and job.status <> 'failed')
    and not exists (
        select from $delivery.reject where reject.run_id = plan.run_id and reject.person_id = plan.person_id)
order by add_lists, person_id
"""

UNREMOVED = """
select list_name, person_id, email from $delivery.plan, unnest(remove_lists) as leaving (list_name)
where run_id = %(run_id)s
    and not exists (
        select from $delivery.job_row join $delivery.job using (job_id)
        where job_row.run_id = plan.run_id and job_row.person_id = plan.person_id
            and job.kind = 'remove' and job.list_name = leaving.list_name and job.status <> 'failed')
order by list_name, person_id
"""

MAY_BE_SENT = """
select destination, is_dry_run, stopped_by, answer,
    (select max(newer.run_id) from $delivery.job as newer
    where newer.destination = run.destination and newer.run_id > run.run_id)
from $delivery.run where run_id = %(run_id)s
"""


def resolve_open_jobs(url: str, destination: Upserts) -> int:
    """Poll the jobs that an earlier run left open, until each has an outcome; return how many."""
    with (
        warehouse.only_one(url, f"deliver {destination.name}"),
        warehouse.connect(url, autocommit=True) as connection,
    ):
        return jobs.wait(connection, destination)


def run(url: str, destination: Upserts, run_id: int) -> dict[str, int]:
    """Send what is left of a plan; return the counts ``planned, sent, confirmed, rejected``.

    Raises ``GuardTripped`` if the plan must not be sent (any more), and ``RetryLater`` if the provider does not finish
    in time, if it failed a job as a whole, or if another delivery is at it.
    """
    with (
        warehouse.only_one(url, f"deliver {destination.name}"),
        warehouse.connect(url, autocommit=True) as connection,
    ):
        _may_be_sent(connection, destination, run_id)
        jobs.wait(connection, destination)
        _in_parallel(
            destination, lambda batch: _send(url, destination, run_id, batch), _batches(url, destination, run_id)
        )
        jobs.wait(connection, destination)
        if isinstance(destination, Removes):
            _in_parallel(destination, partial(_remove, url, destination, run_id), _removals(url, destination, run_id))
        jobs.wait(connection, destination)
        left = _count(connection, UNSENT, run_id) + _count(connection, UNREMOVED, run_id)
        if left:
            message = f"run {run_id}: the provider failed jobs; rows left to send: {left}"
            raise RetryLater(message)
        connection.execute("update $delivery.run set delivered_at = now() where run_id = %s", [run_id])
        return figures(connection, run_id)


def figures(connection: warehouse.Connection, run_id: int) -> dict[str, int]:
    """How many people's changes were planned, sent, confirmed as a whole, and rejected."""
    names = ("planned", "sent", "confirmed", "rejected")
    row = connection.execute(
        "select planned, sent, confirmed, rejected from $delivery.run_figures where run_id = %s", [run_id]
    ).fetchone()
    return dict(zip(names, row or (0, 0, 0, 0), strict=True))


def _may_be_sent(connection: warehouse.Connection, destination: Destination, run_id: int) -> None:
    row = connection.execute(MAY_BE_SENT, {"run_id": run_id}).fetchone()
    if row is None or row[0] != destination.name:
        message = f"run {run_id} is not a plan for {destination.name}"
        raise Stop(message)
    _, is_dry_run, stopped_by, answer, newer = row
    if is_dry_run:
        message = f"run {run_id} is a dry run: nothing is sent"
        raise GuardTripped(message)
    if stopped_by and answer != "approved":
        message = f"run {run_id} is stopped before the first call ({answer or 'nobody was asked'}): {stopped_by}"
        raise GuardTripped(message)
    if newer:
        message = f"run {run_id} is out of date: run {newer} was sent since; plan again"
        raise GuardTripped(message)
    if not isinstance(destination, Removes) and (leaving := _count(connection, UNREMOVED, run_id)):
        message = f"run {run_id}: {leaving} people would leave lists, and {destination.name} takes nobody off a list"
        raise Stop(message)


def _count(connection: warehouse.Connection, query: str, run_id: int) -> int:
    counting = sql.SQL("select count(*) from ({}) as rows").format(sql.SQL(query))
    row = connection.execute(counting, {"run_id": run_id}).fetchone()
    return int(row[0]) if row else 0


def _in_parallel(destination: Upserts, send: Callable[[T], None], parts: Generator[T, None, None]) -> None:
    """Send parts as they come, as many at once as the destination takes; raises the first error when all have ended."""
    running: set[Future[None]] = set()
    with ThreadPoolExecutor(destination.max_concurrency) as pool, contextlib.closing(parts):
        for part in parts:
            running.add(pool.submit(send, part))
            while len(running) >= destination.max_concurrency:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for each in done:
                    each.result()
        for each in running:
            each.result()


def _rows(url: str, query: str, run_id: int) -> Iterator[TupleRow]:
    """The rows of a query, streamed: memory holds a few thousand."""
    with warehouse.connect(url) as reader, reader.cursor("streamed") as rows:
        rows.itersize = 5000
        yield from rows.execute(query.encode(), {"run_id": run_id})


def _batches(url: str, destination: Upserts, run_id: int) -> Generator[Batch, None, None]:
    """Full batches of people who join the same lists: memory holds one batch."""
    for lists, people in itertools.groupby(_rows(url, UNSENT, run_id), key=lambda row: row[0]):
        batch = Batch(lists)
        size = capacity = destination.max_batch_bytes - BYTES_AROUND - BYTES_A_LIST * len(lists)
        for _, person_id, email, payload in people:
            # a copy, because the encoder leaves its buffer of several kilobytes behind each text
            contact = memoryview(destination.encoded(email, payload)).tobytes()
            if batch.people and (len(batch.people) == destination.max_batch_size or len(contact) >= size):
                yield batch
                batch, size = Batch(lists), capacity
            batch.people.append(person_id)
            batch.contacts.append(contact)
            size -= len(contact) + 1
        yield batch


def _send(url: str, destination: Upserts, run_id: int, batch: Batch) -> None:
    """Send one batch. Rows that the provider names are quarantined; if it names none, the batch is halved."""
    with warehouse.connect(url, autocommit=True) as connection:
        while batch.people:
            try:
                web.attempt(partial(_request, connection, destination, run_id, batch))
            except RowRejected as refusal:
                named = {place: why for place, why in refusal.reasons.items() if place < len(batch.people)}
                middle = len(batch.people) // 2
                if not named and middle:
                    _send(url, destination, run_id, batch.cut(0, middle))
                    batch = batch.cut(middle, len(batch.people))
                    continue
                named = named or {0: "refused by the provider, which did not say why"}
                for place, why in named.items():
                    jobs.reject(connection, destination, run_id, batch.people[place], why)
                batch = batch.without(named)
            else:
                return


def _request(connection: warehouse.Connection, destination: Upserts, run_id: int, batch: Batch) -> None:
    """Store one request, make it, and store the provider's job; without a response its people are uncertain."""
    job = jobs.intend(connection, destination, run_id, "upsert", batch.people)
    try:
        jobs.mark_submitted(connection, job, destination.upsert(batch.contacts, batch.lists))
    except RowRejected:
        jobs.mark_failed(connection, job.job_id)
        raise
    except RetryLater:
        jobs.mark_uncertain(connection, destination, job.job_id)
        raise


def _removals(url: str, destination: Removes, run_id: int) -> Generator[Leaving, None, None]:
    """List → people to take off it (id, address), as many as one request takes."""
    rows = _rows(url, UNREMOVED, run_id)
    for list_name, people in itertools.groupby(rows, key=lambda row: str(row[0])):
        while members := [(row[1], row[2]) for row in itertools.islice(people, destination.max_removals)]:
            yield list_name, members


def _remove(url: str, destination: Removes, run_id: int, leaving: Leaving) -> None:
    list_name, members = leaving
    provider_job = destination.remove(list_name, [email for _, email in members]).job
    people = [person_id for person_id, _ in members]
    with warehouse.connect(url, autocommit=True) as connection:
        jobs.record_removal(connection, destination, run_id, list_name, people, provider_job)
