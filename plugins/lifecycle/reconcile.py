"""Read the provider's lists back and compare them with the ledger: who is missing, who is there besides, who differs.

People whom somebody put on a list by hand are counted as extra and left alone. Where only counts can be read, these
are compared.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from psycopg.types.json import Jsonb

from lifecycle import warehouse
from lifecycle.destinations import CountsMembers, Destination, ListsMembers
from lifecycle.errors import Stop

READ_BACK = "create temporary table read_back (contact_id text, email text, fields jsonb) on commit drop"

# The provider cuts a text at 1,000 characters, and what empties a field is read back as none (destinations/values.py).
COMPARED = """
create temporary table compared on commit drop as
with expected as (
    select person_id, lower(email) as email, (
            select coalesce(jsonb_object_agg(key, value), '{}') from jsonb_each(fields)
            where value not in ('null', '""', '0', '"1970-01-01"')
        ) as fields
    from $delivery.ledger
    where destination = %(destination)s and is_certain and %(list_name)s = any(lists)
),
remote as (
    select distinct on (email) * from read_back order by email, contact_id
)
select coalesce(expected.person_id, (
        select person_id from $delivery.ledger
        where destination = %(destination)s and lower(email) = remote.email limit 1
    )) as person_id, email, contact_id, expected.fields as expected_fields, remote.fields as remote_fields,
    expected.email is not null as is_expected, remote.email is not null as is_there,
    case when expected.email is not null and remote.email is not null then array(
        select key from jsonb_each(expected.fields || remote.fields) as both_fields
        where case when jsonb_typeof(expected.fields -> key) = 'string'
            then left(expected.fields ->> key, 1000) is distinct from remote.fields ->> key
            else expected.fields -> key is distinct from remote.fields -> key end
        order by key
    ) else '{}' end as differing
from expected full join remote using (email)
"""

STORE = """
insert into $delivery.reconciliation (run_id, list_name, expected, found, missing, extra, different)
select %(run_id)s, %(list_name)s, count(*) filter (where is_expected), count(*) filter (where is_there),
    count(*) filter (where not is_there), count(*) filter (where not is_expected),
    count(*) filter (where differing <> '{}')
from compared
on conflict (run_id, list_name) do update
set expected = excluded.expected, found = excluded.found, missing = excluded.missing, extra = excluded.extra,
    different = excluded.different, read_at = now()
returning missing, extra, different
"""

STORE_COUNTS = """
insert into $delivery.reconciliation (run_id, list_name, expected, found, missing, extra, different)
select %(run_id)s, %(list_name)s, count(*), %(count)s,
    greatest(count(*) - %(count)s, 0), greatest(%(count)s - count(*), 0), 0
from $delivery.ledger where destination = %(destination)s and is_certain and %(list_name)s = any(lists)
on conflict (run_id, list_name) do update
set expected = excluded.expected, found = excluded.found, missing = excluded.missing, extra = excluded.extra,
    different = excluded.different, read_at = now()
returning missing, extra, different
"""

FORGET_DRIFT = "delete from $delivery.drift where run_id = %(run_id)s and list_name = %(list_name)s"

STORE_DRIFT = """
insert into $delivery.drift (run_id, list_name, kind, person_id, contact_id, fields)
select %(run_id)s, %(list_name)s,
    case when not is_there then 'missing' when not is_expected then 'extra' else 'different' end,
    person_id, contact_id, nullif(differing, '{}')
from compared where not is_there or not is_expected or differing <> '{}'
"""

ADOPT_ABSENCE = """
with absent as (
    update $delivery.ledger set lists = array_remove(lists, %(list_name)s)
    from compared
    where destination = %(destination)s and ledger.person_id = compared.person_id and not is_there
    returning ledger.person_id
)
update $delivery.membership set left_on = %(run_date)s, left_run = ledger.run_id
from absent join $delivery.ledger on ledger.destination = %(destination)s and ledger.person_id = absent.person_id
where membership.destination = %(destination)s and membership.person_id = absent.person_id
    and list_name = %(list_name)s and left_run is null
"""

ADOPT_FIELDS = """
update $delivery.ledger set fields = remote_fields
from compared
where destination = %(destination)s and ledger.person_id = compared.person_id and differing <> '{}'
"""

log = logging.getLogger(__name__)


def run(url: str, destination: Destination, run_id: int, lists: Iterable[str]) -> dict[str, int]:
    """Compare every list, store figures and drifted contacts; return the totals ``missing, extra, different``.

    A destination that can't be read back has none, and a warning says so.
    """
    totals = {"missing": 0, "extra": 0, "different": 0}
    if not isinstance(destination, ListsMembers | CountsMembers):
        log.warning("%s can't be read back: nothing is compared", destination.name)
        return totals
    for list_name in lists:
        values = {"destination": destination.name, "run_id": run_id, "list_name": list_name}
        with warehouse.connect(url) as connection:
            if isinstance(destination, ListsMembers):
                figures = _compare_members(connection, destination, values)
            else:
                figures = _compare_counts(connection, destination, values)
        totals = {name: totals[name] + figure for name, figure in zip(totals, figures, strict=True)}
        if any(figures):
            log.warning("list %r: %d missing, %d extra, %d different", list_name, *figures)
    return totals


def _compare_members(
    connection: warehouse.Connection, destination: ListsMembers, values: Mapping[str, object]
) -> Sequence[int]:
    """Store one list's figures and its drifted contacts; return ``missing, extra, different``."""
    _read_back(connection, destination, values)
    figures = connection.execute(STORE, values).fetchone() or (0, 0, 0)
    for statement in (FORGET_DRIFT, STORE_DRIFT):
        connection.execute(statement, values)
    return figures


def _compare_counts(
    connection: warehouse.Connection, destination: CountsMembers, values: Mapping[str, object]
) -> Sequence[int]:
    """Store one list's figures where only a count can be read: one missing and one extra contact cancel out."""
    counted = {**values, "count": destination.member_count(str(values["list_name"]))}
    return connection.execute(STORE_COUNTS, counted).fetchone() or (0, 0, 0)


def adopt_remote_state(url: str, destination: Destination, run_date: date, lists: Iterable[str]) -> int:
    """Write what the provider really holds into the ledger, for the next plan to repair; return how much differed."""
    if not isinstance(destination, ListsMembers):
        message = f"{destination.name} can't be read back, so nothing there can be repaired; run without 'repair'"
        raise Stop(message)
    adopted = 0
    for list_name in lists:
        values = {"destination": destination.name, "run_date": run_date, "list_name": list_name}
        with warehouse.connect(url) as connection:
            _read_back(connection, destination, values)
            adopted += connection.execute(ADOPT_ABSENCE, values).rowcount
            adopted += connection.execute(ADOPT_FIELDS, values).rowcount
    log.info("%d contacts are not as confirmed; the next plan repairs them", adopted)
    return adopted


def _read_back(connection: warehouse.Connection, destination: ListsMembers, values: Mapping[str, object]) -> None:
    """Compare one list in a temporary table ``compared``, whatever its size."""
    connection.execute(READ_BACK)
    with connection.cursor() as cursor, cursor.copy("copy read_back from stdin") as copy:
        for contact in destination.contacts(str(values["list_name"])):
            copy.write_row([contact.contact_id, contact.email, Jsonb(dict(contact.fields))])
    connection.execute(COMPARED, values)
