"""Read the provider's lists back and compare them with the ledger: who is missing, who is there besides, who differs.

What the ledger can't know any more, it takes from what was read: whoever is missing is planned again, whole, and
whoever may not be written to leaves, whoever put them there. People whom somebody put on a list by hand are counted as
extra and left alone. Where only counts can be read, these are compared.
"""

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from lifecycle import warehouse
from lifecycle.destinations import CountsMembers, DescribesAccount, Destination, ListsMembers
from lifecycle.errors import Stop
from lifecycle.reconcile.comparison import compare

#: How long a provider may need to show whom it has just confirmed, and the first pause before it is asked again.
PATIENCE_SECONDS = 60.0
FIRST_PAUSE = 1.0

STORE = """
insert into $delivery.reconciliation (run_id, account_id, list_name, expected, found, missing, extra, different)
select %(run_id)s, %(account)s, %(list_name)s, count(*) filter (where is_expected), count(*) filter (where is_there),
    count(*) filter (where is_expected and not is_there), count(*) filter (where is_there and not is_on_list),
    count(*) filter (where is_on_list and differing <> '{}')
from compared
on conflict (run_id, list_name) do update
set expected = excluded.expected, found = excluded.found, missing = excluded.missing, extra = excluded.extra,
    different = excluded.different, read_at = now()
returning missing, extra, different
"""

STORE_COUNTS = """
insert into $delivery.reconciliation (run_id, account_id, list_name, expected, found, missing, extra, different)
select %(run_id)s, %(account)s, %(list_name)s, count(*), %(count)s,
    greatest(count(*) - %(count)s, 0), greatest(%(count)s - count(*), 0), 0
from $delivery.ledger where account_id = %(account)s and is_certain and %(list_name)s = any(lists)
on conflict (run_id, list_name) do update
set expected = excluded.expected, found = excluded.found, missing = excluded.missing, extra = excluded.extra,
    different = excluded.different, read_at = now()
returning missing, extra, different
"""

FORGET_DRIFT = "delete from $delivery.drift where run_id = %(run_id)s and list_name = %(list_name)s"

STORE_DRIFT = """
insert into $delivery.drift (run_id, list_name, kind, person_id, contact_id, fields)
select %(run_id)s, %(list_name)s,
    case when not is_there then 'missing' when not is_on_list then 'extra' else 'different' end,
    person_id, contact_id, case when is_on_list then nullif(differing, '{}') end
from compared
where is_expected and not is_there or is_there and not is_on_list or is_on_list and differing <> '{}'
"""

JUST_CONFIRMED = "select exists (select from compared where is_expected and not is_there and run_id = %(run_id)s)"

# What was confirmed just now may not be shown yet. Who is missing may have been deleted, so the fields are unknown;
# whoever is still wanted on the list comes back as no new contact.
ADOPT_ABSENCE = """
with absent as (
    update $delivery.ledger set lists = array_remove(lists, %(list_name)s),
        fields = (select coalesce(jsonb_object_agg(key, null::text), '{}') from jsonb_object_keys(fields) as key)
    from compared
    where account_id = %(account)s and ledger.person_id = compared.person_id and is_expected and not is_there
        and ledger.run_id is distinct from %(run_id)s
    returning ledger.person_id, ledger.run_id, is_wanted
),
ended as (
    update $delivery.membership set left_on = %(run_date)s, left_run = absent.run_id
    from absent
    where membership.account_id = %(account)s and membership.person_id = absent.person_id
        and list_name = %(list_name)s and left_run is null and not is_wanted
)
select count(*) from absent
"""

ADOPT_FIELDS = """
with changed as (
    update $delivery.ledger set fields = remote_fields
    from compared
    where account_id = %(account)s and ledger.person_id = compared.person_id and is_on_list and differing <> '{}'
        and ledger.run_id is distinct from %(run_id)s
    returning 1
)
select count(*) from changed
"""

# Somebody whom we know is on our list without our knowledge: as it should be, or barred, or with fields that only we
# write and the ledger doesn't hold, so that it has lost something. So is who is in doubt, who has come back after we
# had taken them off, and whom the list before has shown just now: what told them is adopted by then. Others were put
# there by hand, and stay.
ADOPT_PRESENCE = """
with present as (
    insert into $delivery.ledger as known
        (account_id, person_id, email, fields, lists, is_certain, confirmed_at, run_id)
    select %(account)s, person_id, email, remote_fields, array[%(list_name)s], true, now(),
        (select max(run_id) from $delivery.run where account_id = %(account)s)
    from compared
    where is_there and not is_on_list and person_id is not null
        and (is_wanted or is_barred or is_doubted or differing <> '{}' or not is_in_ledger and remote_fields <> '{}'
            or exists (
                select from $delivery.membership as ours
                where ours.account_id = %(account)s and ours.person_id = compared.person_id
                    and (ours.list_name = %(list_name)s and left_run is not null
                        or is_repair and left_run is null
                            and entered_run = (select max(run_id) from $delivery.run where account_id = %(account)s))))
    on conflict (account_id, person_id) do update
    set lists = array(select unnest(known.lists) union select unnest(excluded.lists) order by 1),
        fields = excluded.fields
    where $raw.normalized_email(known.email) = excluded.email
    returning person_id
),
entered as (
    insert into $delivery.membership (account_id, person_id, list_name, entered_on, entered_run, is_repair)
    select %(account)s, person_id, %(list_name)s, %(run_date)s,
        (select max(run_id) from $delivery.run where account_id = %(account)s), true
    from present
    on conflict (account_id, person_id, list_name) where left_run is null do nothing
)
select count(*) from present
"""

RUN = "select account_id, run_date from $delivery.run where run_id = %s"

KNOWN_LISTS = """
select list.list_name, list.provider_id, last.found,
    last.run_id is null or last.missing > 0 or last.different > 0
        or last.run_id < (select max(run_id) from $delivery.job where job.account_id = list.account_id)
        or exists (
            select from $delivery.doubt
            where doubt.account_id = list.account_id and reason = 'warehouse restored' and noticed_at > last.read_at
        ) as is_unread
from $delivery.list
left join lateral (
    select * from $delivery.reconciliation as read
    where read.account_id = list.account_id and read.list_name = list.list_name order by run_id desc limit 1
) as last on true
where list.account_id = %s order by list.list_name
"""

log = logging.getLogger(__name__)


def run(url: str, destination: Destination, run_id: int, lists: Iterable[str]) -> dict[str, int]:
    """Compare every list, store figures and drifted contacts; return the totals ``missing, extra, different``.

    Whom the run has confirmed and the provider doesn't show yet is waited for, up to ``PATIENCE_SECONDS``. A
    destination that can't be read back has no figures, and a warning says so.
    """
    totals = {"missing": 0, "extra": 0, "different": 0}
    if not isinstance(destination, ListsMembers | CountsMembers):
        log.warning("%s can't be read back: nothing is compared", destination.name)
        return totals
    until = time.monotonic() + PATIENCE_SECONDS
    for list_name in lists:
        with warehouse.connect(url) as connection:
            account_id, run_date = connection.execute(RUN, [run_id]).fetchone() or (None, None)
            values = {"account": account_id, "run_id": run_id, "run_date": run_date, "list_name": list_name}
            if isinstance(destination, ListsMembers):
                figures = _compare_members(connection, destination, values, until)
            else:
                figures = _compare_counts(connection, destination, values)
        totals = {name: totals[name] + figure for name, figure in zip(totals, figures, strict=True)}
        if any(figures):
            log.warning("list %r: %d missing, %d extra, %d different", list_name, *figures)
    return totals


def _compare_members(
    connection: warehouse.Connection, destination: ListsMembers, values: Mapping[str, Any], until: float
) -> Sequence[int]:
    """Store one list's figures and its drifted contacts, and adopt these; return ``missing, extra, different``."""
    pause = FIRST_PAUSE
    compare(connection, destination.contacts(values["list_name"]), values)
    while connection.execute(JUST_CONFIRMED, values).fetchone() == (True,) and time.monotonic() + pause < until:
        time.sleep(pause)
        pause *= 2
        compare(connection, destination.contacts(values["list_name"]), values)
    figures = connection.execute(STORE, values).fetchone() or (0, 0, 0)
    for statement in (FORGET_DRIFT, STORE_DRIFT):
        connection.execute(statement, values)
    _adopt(connection, values)
    return figures


def _compare_counts(
    connection: warehouse.Connection, destination: CountsMembers, values: Mapping[str, Any]
) -> Sequence[int]:
    """Store one list's figures where only a count can be read: one missing and one extra contact cancel out."""
    counted = {**values, "count": destination.member_count(values["list_name"])}
    return connection.execute(STORE_COUNTS, counted).fetchone() or (0, 0, 0)


def differing_lists(url: str, destination: Destination) -> list[str]:
    """Our lists that may not hold what the ledger says: not read back since the last job, drifted, or another count."""
    if not isinstance(destination, ListsMembers) or not isinstance(destination, DescribesAccount):
        return []
    counts = {each.id: each.count for each in destination.account().lists}
    with warehouse.connect(url) as connection:
        account_id = warehouse.current_account(connection, destination.name)
        known = connection.execute(KNOWN_LISTS, [account_id]).fetchall()
    return [
        list_name
        for list_name, key, expected, is_unread in known
        if is_unread or (key in counts and counts[key] not in (None, expected))
    ]


def adopt_remote_state(url: str, destination: Destination, run_date: date, lists: Iterable[str]) -> int:
    """Write what the provider really holds into the ledger, for the next plan to repair; return how much differed."""
    if not isinstance(destination, ListsMembers):
        message = f"{destination.name} can't be read back, so nothing there can be repaired; run without 'repair'"
        raise Stop(message)
    adopted = 0
    for list_name in lists:
        with warehouse.connect(url) as connection:
            account_id = warehouse.current_account(connection, destination.name)
            values = {"account": account_id, "run_id": None, "run_date": run_date, "list_name": list_name}
            compare(connection, destination.contacts(list_name), values)
            adopted += _adopt(connection, values)
    log.info("%d contacts are not as confirmed; the next plan repairs them", adopted)
    return adopted


def _adopt(connection: warehouse.Connection, values: Mapping[str, Any]) -> int:
    persons = 0
    for statement in (ADOPT_ABSENCE, ADOPT_FIELDS, ADOPT_PRESENCE):
        row = connection.execute(statement, values).fetchone()
        persons += row[0] if row else 0
    if persons:
        warehouse.record_doubt(connection, values["account"], "list differs", values["list_name"], persons)
    return persons
