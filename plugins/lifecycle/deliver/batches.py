"""Upserts: full batches of people who join the same lists, sent several at once, and what a refusal means for them.

A refused row costs the others of its batch little: the batch goes again without the rows that the provider names;
refused again, or without a name, it is halved until the row is alone. No row is uploaded more than log2(batch) + 2
times for another's fault.
"""

import contextlib
import itertools
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar
from uuid import UUID

from psycopg.rows import TupleRow

from lifecycle import warehouse, web
from lifecycle.deliver import requests
from lifecycle.destinations import Upserts
from lifecycle.errors import AccountRefused, RetryLater, RowRejected

BYTES_AROUND, BYTES_A_LIST = 200, 100

#: Who leaves comes first: their fields are neutral before anybody else's are written.
UNSENT = """
select add_lists, person_id, email, payload from $delivery.plan
where run_id = %(run_id)s and change <> 'refused' and (payload <> '{}' or add_lists <> '{}')
    and not exists (
        select from $delivery.job_row join $delivery.job using (job_id)
        where job_row.run_id = plan.run_id and job_row.person_id = plan.person_id
            and job.kind = 'upsert' and job.status not in ('failed', 'split'))
    and not exists (
        select from $delivery.reject where reject.run_id = plan.run_id and reject.person_id = plan.person_id)
order by add_lists, change <> 'leave', person_id
"""

#: The people of a job some of whose rows were refused without a name, but those whose half is under way.
UNNAMED = """
select add_lists, person_id, email, payload
from $delivery.job_row join $delivery.plan using (run_id, person_id)
where job_id = %(job_id)s
    and not exists (
        select from $delivery.job as half join $delivery.job_row as its_row using (job_id)
        where half.part_of = %(job_id)s and half.status <> 'failed' and its_row.person_id = plan.person_id)
    and not exists (
        select from $delivery.reject where reject.run_id = plan.run_id and reject.person_id = plan.person_id)
order by person_id
"""

TO_HALVE = """
select job_id from $delivery.job
where run_id = %s and kind = 'upsert' and status = 'completed' and unnamed > 0 order by job_id
"""

T = TypeVar("T")


@dataclass(slots=True)
class Batch:
    """People who join the same lists: their ids, and each one's contact as the provider wants it."""

    lists: Sequence[str]
    people: list[UUID] = field(default_factory=list)
    contacts: list[bytes] = field(default_factory=list)

    def halves(self) -> "tuple[Batch, Batch]":
        """The first half and the rest."""
        middle = len(self.people) // 2
        return (
            Batch(self.lists, self.people[:middle], self.contacts[:middle]),
            Batch(self.lists, self.people[middle:], self.contacts[middle:]),
        )

    def without(self, places: Iterable[int]) -> "Batch":
        """All rows but those at some places."""
        kept = sorted({*range(len(self.people))} - {*places})
        return Batch(self.lists, [self.people[place] for place in kept], [self.contacts[place] for place in kept])


@dataclass(frozen=True, slots=True)
class Sender:
    """Sends the upserts of one plan to one account."""

    url: str
    destination: Upserts
    account_id: int
    run_id: int

    def send_all(self) -> None:
        """Send what is left of the plan; the provider's jobs are still to be asked about."""
        in_parallel(self.destination, self._send, self._batches(rows(self.url, UNSENT, run_id=self.run_id)))

    def halve(self, connection: warehouse.Connection) -> bool:
        """Send the halves of every job that refused rows without naming them; whether there was one."""
        to_halve = [job_id for (job_id,) in connection.execute(TO_HALVE, [self.run_id]).fetchall()]
        for job_id in to_halve:
            is_begun = connection.execute(
                "select exists (select from $delivery.job where part_of = %s and status <> 'failed')", [job_id]
            ).fetchone() == (True,)
            whole = next(self._batches(rows(self.url, UNNAMED, job_id=job_id)), Batch([]))
            if len(whole.people) == 1 and not is_begun:
                requests.reject(connection, self.account_id, self.run_id, whole.people[0], requests.UNEXPLAINED)
            elif whole.people:
                for part in (whole,) if is_begun else whole.halves():
                    self._send(part, part_of=job_id)
            connection.execute("update $delivery.job set status = 'split' where job_id = %s", [job_id])
        return bool(to_halve)

    def _batches(self, people: Iterator[TupleRow]) -> Generator[Batch, None, None]:
        """Full batches of people who join the same lists: memory holds one batch."""
        destination = self.destination
        for lists, group in itertools.groupby(people, key=lambda row: row[0]):
            batch = Batch(lists)
            size = capacity = destination.max_batch_bytes - BYTES_AROUND - BYTES_A_LIST * len(lists)
            for _, person_id, email, payload in group:
                # a copy, because the encoder leaves its buffer of several kilobytes behind each text
                contact = memoryview(destination.encoded(email, payload)).tobytes()
                if batch.people and (len(batch.people) == destination.max_batch_size or len(contact) >= size):
                    yield batch
                    batch, size = Batch(lists), capacity
                batch.people.append(person_id)
                batch.contacts.append(contact)
                size -= len(contact) + 1
            yield batch

    def _send(self, batch: Batch, *, part_of: int | None = None, may_be_whole: bool = True) -> None:
        """Send one batch. Rows that the provider names are quarantined; refused again, or unnamed, it is halved."""
        with warehouse.connect(self.url, autocommit=True) as connection:
            while batch.people:
                try:
                    web.attempt(partial(self._request, connection, batch, part_of))
                except RowRejected as refusal:
                    named = {place: why for place, why in refusal.reasons.items() if place < len(batch.people)}
                    if not named and len(batch.people) == 1:
                        named = {0: requests.UNEXPLAINED}
                    for place, why in named.items():
                        requests.reject(connection, self.account_id, self.run_id, batch.people[place], why)
                    batch = batch.without(named)
                    if len(batch.people) > 1 and not (named and may_be_whole):
                        for half in batch.halves():
                            self._send(half, part_of=part_of, may_be_whole=False)
                        return
                    may_be_whole = False
                else:
                    return

    def _request(self, connection: warehouse.Connection, batch: Batch, part_of: int | None) -> None:
        """Store one request, make it, and store the provider's job; without a response its people are uncertain."""
        job = requests.intend(connection, self.account_id, self.run_id, "upsert", batch.people, part_of=part_of)
        try:
            requests.mark_submitted(connection, job, self.destination.upsert(batch.contacts, batch.lists))
        except (RowRejected, AccountRefused):
            requests.end(connection, job.job_id, "failed")
            raise
        except RetryLater:
            requests.mark_uncertain(connection, self.account_id, job.job_id)
            raise


def in_parallel(destination: Upserts, send: Callable[[T], None], parts: Generator[T, None, None]) -> None:
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


def rows(url: str, query: str, **values: int) -> Iterator[TupleRow]:
    """The rows of a query, streamed: memory holds a few thousand."""
    with warehouse.connect(url) as reader, reader.cursor("streamed") as cursor:
        cursor.itersize = 5000
        yield from cursor.execute(query.encode(), values)
