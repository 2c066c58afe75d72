"""Suppressions and withdrawals of the last moment.

Whoever was suppressed after the plan was made leaves, and joins nothing. Whom the marts have barred since, because they
have withdrawn or are held out now, is not written: their leaving is the next plan's, which the guards look at.
"""

import logging
from datetime import UTC, date, datetime, time, timedelta

from lifecycle import warehouse
from lifecycle.destinations import ListsSuppressions, Upserts
from lifecycle.errors import AccessDenied
from lifecycle.settings import CONTACTABLE_FIELD, GREETING_COLUMNS

#: The pull that the plan knows can have begun a day before the run date ended.
LOOKS_BACK = timedelta(days=2)

FRESH = "create temporary table fresh_suppression (email text) on commit drop"

AMEND = """
update $delivery.plan set change = 'leave', add_lists = '{}', remove_lists = coalesce(known.lists, '{}'),
    desired = case when known.fields is null then '{}'::jsonb else %(neutral)s::jsonb end,
    payload = case when known.fields is null then '{}'::jsonb else %(neutral)s::jsonb || (
        select coalesce(jsonb_object_agg(key, null::text), '{}') from jsonb_object_keys(known.fields) as key
        where not %(neutral)s::jsonb ? key and key <> all(%(greeting)s::text[])) end
from $delivery.plan as planned
inner join fresh_suppression as fresh on fresh.email = $raw.normalized_email(planned.email)
left join $delivery.ledger as known
    on known.account_id = %(account)s and known.person_id = planned.person_id and known.email = planned.email
where plan.run_id = %(run_id)s and planned.run_id = %(run_id)s and plan.person_id = planned.person_id
    and plan.change <> 'leave'
    and not exists (
        select from $delivery.job_row join $delivery.job using (job_id)
        where job_row.run_id = plan.run_id and job_row.person_id = plan.person_id
            and job.status in ('submitted', 'completed') and job.unnamed = 0)
"""

ADD = """
insert into $delivery.plan (run_id, person_id, email, change, payload, desired, add_lists, remove_lists)
select %(run_id)s, person_id, ledger.email, 'leave',
    %(neutral)s::jsonb || (
        select coalesce(jsonb_object_agg(key, null::text), '{}') from jsonb_object_keys(fields) as key
        where not %(neutral)s::jsonb ? key and key <> all(%(greeting)s::text[])),
    %(neutral)s::jsonb, '{}', lists
from $delivery.ledger inner join fresh_suppression as fresh on fresh.email = $raw.normalized_email(ledger.email)
where account_id = %(account)s and (lists <> '{}' or fields <> %(neutral)s::jsonb)
on conflict (run_id, person_id) do nothing
"""

HOLD_BACK = f"""
update $delivery.plan set add_lists = '{{}}', payload = '{{}}'
where run_id = %(run_id)s and change in ('create', 'update') and (add_lists <> '{{}}' or payload <> '{{}}')
    and not exists (
        select from $marts.contact_fields as contacts
        where contacts.person_id = plan.person_id and contacts.email = plan.email
            and contacts.fields ->> '{CONTACTABLE_FIELD}' is not distinct from plan.desired ->> '{CONTACTABLE_FIELD}')
    and not exists (
        select from $delivery.job_row join $delivery.job using (job_id)
        where job_row.run_id = plan.run_id and job_row.person_id = plan.person_id and job.kind = 'upsert'
            and job.status in ('submitted', 'completed') and job.unnamed = 0)
"""  # noqa: S608 - a constant

log = logging.getLogger(__name__)


def hold_back(connection: warehouse.Connection, run_id: int) -> None:
    """Write nobody of the plan who may no longer be contacted, by the marts of this moment."""
    held_back = connection.execute(HOLD_BACK, {"run_id": run_id}).rowcount
    if held_back:
        log.warning("run %d: %d people may no longer be contacted since it was planned", run_id, held_back)


def heed(
    connection: warehouse.Connection,
    destination: Upserts,
    account_id: int,
    run_id: int,
    run_date: date,
    neutral: str,
) -> None:
    """Ask the provider whom it has suppressed since the plan's facts were read, and plan that these leave.

    ``neutral`` is the fields, in JSON, of a contact that may not be written to.
    """
    if not isinstance(destination, ListsSuppressions):
        return
    since = datetime.combine(run_date, time(), UTC) - LOOKS_BACK
    try:
        suppressed = list(destination.suppressed_since(since))
    except AccessDenied as error:  # a key that only writes: what the night's own pull knows has to do
        log.warning("suppressions since the plan are unknown: %s", error)
        return
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(FRESH)
        with cursor.copy("copy fresh_suppression from stdin") as copy:
            for email in suppressed:
                copy.write_row([email])
        values = {"account": account_id, "run_id": run_id, "neutral": neutral, "greeting": list(GREETING_COLUMNS)}
        amended = cursor.execute(AMEND, values).rowcount + cursor.execute(ADD, values).rowcount
    if amended:
        log.warning("run %d: %d people were suppressed since it was planned, and leave", run_id, amended)
