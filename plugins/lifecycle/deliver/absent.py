"""Contacts that are gone at the provider: whoever may not be written to is not made there again to say so."""

import itertools
from collections.abc import Iterator
from datetime import date
from uuid import UUID

from lifecycle import warehouse
from lifecycle.addresses import normalize_email
from lifecycle.destinations import FindsContacts, Removes

LEAVING = """
select person_id, email from $delivery.plan
where run_id = %s and change = 'leave' and payload <> '{}' and not exists (
    select from $delivery.job_row join $delivery.job using (job_id)
    where job_row.run_id = plan.run_id and job_row.person_id = plan.person_id and job.kind = 'upsert'
        and job.status <> 'failed')
order by person_id
"""

SKIP = "update $delivery.plan set payload = '{}' where run_id = %(run_id)s and person_id = any(%(gone)s::uuid[])"

# The provider can fail to show a contact that is there: only who is absent for days is forgotten.
FORGET = """
delete from $delivery.ledger
where account_id = %(account)s and person_id = any(%(gone)s::uuid[]) and lists = '{}'
    and absent_since < %(run_date)s::date - 1
"""
NOTE = """
update $delivery.ledger set absent_since = least(absent_since, %(run_date)s::date)
where account_id = %(account)s and person_id = any(%(gone)s::uuid[])
"""


def skip(connection: warehouse.Connection, destination: Removes, account_id: int, run_id: int, run_date: date) -> None:
    """Write nothing for people of the plan who leave and whose contact is gone."""
    if not isinstance(destination, FindsContacts):
        return
    people: Iterator[tuple[UUID, str]] = iter(connection.execute(LEAVING, [run_id]).fetchall())
    while part := dict(itertools.islice(people, destination.max_removals)):
        gone = _absent(destination, part)
        values = {"account": account_id, "run_id": run_id, "run_date": run_date, "gone": list(gone)}
        with connection.transaction():
            for statement in (SKIP, FORGET, NOTE) if gone else ():
                connection.execute(statement, values)


def _absent(destination: FindsContacts, people: dict[UUID, str]) -> dict[UUID, str]:
    """Those whom the provider doesn't know, asked twice."""
    absent = people
    for _ in range(2):
        found = destination.existing([*absent.values()]) if absent else set()
        absent = {person_id: email for person_id, email in absent.items() if normalize_email(email) not in found}
    return absent
