"""People leave lists before anybody joins one, and are off only when that was confirmed or read back."""

import itertools
from collections.abc import Generator
from dataclasses import dataclass, field
from threading import Lock
from uuid import UUID

from lifecycle import warehouse
from lifecycle.addresses import normalize_email
from lifecycle.deliver import jobs
from lifecycle.deliver.batches import in_parallel, rows
from lifecycle.destinations import ListsMembers, Removes
from lifecycle.errors import RetryLater

UNREMOVED = """
select list_name, person_id, email from $delivery.plan, unnest(remove_lists) as leaving (list_name)
where run_id = %(run_id)s
    and not exists (
        select from $delivery.job_row join $delivery.job using (job_id)
        where job_row.run_id = plan.run_id and job_row.person_id = plan.person_id
            and job.kind = 'remove' and job.list_name = leaving.list_name and job.status <> 'failed')
order by list_name, person_id
"""

#: Whom an import of unknown outcome may still put on a list: that nobody sees them there says nothing.
DOUBTED = """
select person_id from $delivery.ledger
where account_id = %s and person_id = any(%s::uuid[]) and not is_certain and exists (
    select from $delivery.job join $delivery.job_row using (job_id)
    where job.account_id = ledger.account_id and job.status = 'doubted' and job_row.person_id = ledger.person_id)
"""

ROUNDS = 2

Leaving = tuple[str, list[tuple[UUID, str]]]


@dataclass(slots=True)
class Remover:
    """Takes the people of one plan off lists of one account."""

    url: str
    destination: Removes
    account_id: int
    run_id: int
    _rounds: int = 0
    _unknown: dict[str, dict[str, UUID]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def remove_all(self) -> bool:
        """Ask for every removal of the plan that is left, if there is one; the provider's jobs are still open then.

        Of whom the provider can't say whether they are there, the list itself is read: whoever it holds leaves by id. A
        job that failed, or that nobody knows, is asked for once more: what it has done, the repetition finds.
        """
        self._rounds += 1
        if self._rounds > ROUNDS or next(rows(self.url, UNREMOVED, run_id=self.run_id), None) is None:
            return False
        in_parallel(self.destination, self._remove, self._parts())  # type: ignore[arg-type]
        for list_name, people in self._unknown.items():
            self._remove_by_reading(list_name, people)
        self._unknown.clear()
        return True

    def _parts(self) -> Generator[Leaving, None, None]:
        """List → people to take off it (id, address), as many as one request takes."""
        leaving = rows(self.url, UNREMOVED, run_id=self.run_id)
        for list_name, people in itertools.groupby(leaving, key=lambda row: str(row[0])):
            while members := [(row[1], row[2]) for row in itertools.islice(people, self.destination.max_removals)]:
                yield list_name, members

    def _remove(self, leaving: Leaving) -> None:
        list_name, members = leaving
        removal = self.destination.remove(list_name, [email for _, email in members])
        forms = {person_id: normalize_email(email) for person_id, email in members}
        unknown = {email: person_id for person_id, email in forms.items() if email in removal.not_found}
        with self._lock:
            self._unknown.setdefault(list_name, {}).update(unknown)
        people = [person_id for person_id, email in forms.items() if email not in unknown]
        self._record(list_name, people, removal.job)

    def _remove_by_reading(self, list_name: str, people: dict[str, UUID]) -> None:
        if not people:
            return
        if not isinstance(self.destination, ListsMembers):
            message = f"{len(people)} people can't be told to be off the list {list_name!r}; the next run asks again"
            raise RetryLater(message)
        there = {
            contact.contact_id: people[contact.email]
            for contact in self.destination.contacts(list_name)
            if contact.email in people
        }
        off = set(people.values()) - set(there.values())
        with warehouse.connect(self.url, autocommit=True) as connection:
            doubted = {row[0] for row in connection.execute(DOUBTED, [self.account_id, list(off)])}
            if doubted:
                jobs.record_doubted_removal(connection, self.account_id, self.run_id, list_name, doubted)
        self._record(list_name, list(off - doubted), None)
        ids = iter(there.items())
        while part := dict(itertools.islice(ids, self.destination.max_removals)):
            self._record(list_name, list(part.values()), self.destination.remove_by_id(list_name, list(part)))

    def _record(self, list_name: str, people: list[UUID], provider_job: str | None) -> None:
        if people:
            with warehouse.connect(self.url, autocommit=True) as connection:
                jobs.record_removal(connection, self.account_id, self.run_id, list_name, people, provider_job)
