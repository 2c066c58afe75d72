"""What the provider should hold, minus what it has confirmed: the change set of a night, and its guards.

One row per person with a change: the fields to write, the lists to join and to leave. Memberships and
contacts that we did not make are never touched. Nothing is sent here.
"""

import logging
from dataclasses import dataclass
from datetime import date

from psycopg.types.json import Jsonb

from lifecycle import warehouse
from lifecycle.errors import GuardTripped
from lifecycle.settings import Guards, Settings

CHANGES = """
insert into delivery.plan (run_id, person_id, email, change, payload, desired, add_lists, remove_lists)
with memberships as (
    select person_id, array_agg(distinct list_name order by list_name) as lists,
        jsonb_object_agg(key, value) filter (where key is not null) as fields
    from marts.audience_members
    left join lateral jsonb_each(fields) on true
    where not is_holdout
    group by person_id
),
wanted as (
    select contacts.person_id, contacts.email, coalesce(memberships.lists, '{}') as lists,
        jsonb_strip_nulls(contacts.fields || coalesce(memberships.fields, '{}')) as fields
    from marts.contact_fields as contacts
    left join memberships using (person_id)
),
confirmed as (
    select *, case when is_certain then lists else '{}' end as certain_lists
    from delivery.ledger
    where destination = %(destination)s
),
compared as (
    select
        coalesce(wanted.person_id, confirmed.person_id) as person_id,
        coalesce(wanted.email, confirmed.email) as email,
        wanted.person_id is not null as may_be_contacted,
        confirmed.person_id is not null as is_known,
        coalesce(wanted.fields, confirmed.fields) as desired,
        coalesce(confirmed.fields, '{}') as held,
        array(select unnest(wanted.lists) except select unnest(confirmed.certain_lists) order by 1) as add_lists,
        array(select unnest(confirmed.lists) except select unnest(wanted.lists) order by 1) as remove_lists
    from wanted
    full join confirmed using (person_id)
    where wanted.lists is distinct from confirmed.lists or wanted.fields is distinct from confirmed.fields
),
changes as (
    select *,
        case when desired <> held or not is_known
            -- what the provider still holds and the person no longer has is emptied by name
            then desired || coalesce(
                (select jsonb_object_agg(key, null::text)
                from jsonb_object_keys(held) as key where not desired ? key), '{}')
            else '{}'
        end as payload
    from compared
)
select %(run_id)s, person_id, email,
    case when not may_be_contacted then 'leave' when is_known then 'update' else 'create' end,
    payload, desired, add_lists, remove_lists
from changes
where (is_known or add_lists <> '{}')
    and (payload <> '{}' or add_lists <> '{}' or remove_lists <> '{}')
    and not exists (
        select from delivery.reject
        where reject.destination = %(destination)s and reject.person_id = changes.person_id
            and (reject.email, reject.payload, reject.add_lists)
                = (changes.email, changes.payload, changes.add_lists)
            and changes.remove_lists = '{}'
    )
"""

AUDIENCES = """
insert into delivery.audience (run_id, audience, list_name, members, held_out, added, removed)
with planned as (
    select * from delivery.plan where run_id = %(run_id)s
)
select %(run_id)s, configured.audience, configured.list_name,
    count(members.person_id) filter (where not members.is_holdout),
    count(members.person_id) filter (where members.is_holdout),
    (select count(*) from planned where configured.list_name = any(add_lists)),
    (select count(*) from planned where configured.list_name = any(remove_lists))
from jsonb_each_text(%(audiences)s) as configured (audience, list_name)
left join marts.audience_members as members on members.audience = configured.audience
group by configured.audience, configured.list_name
"""

LISTS = """
with held as (
    select list_name, count(*) as members
    from delivery.ledger, unnest(lists) as list_name
    where destination = %(destination)s
    group by list_name
)
select held.list_name, held.members,
    (select count(*) from delivery.plan where run_id = %(run_id)s and held.list_name = any(remove_lists)),
    (select count(*) from delivery.plan where run_id = %(run_id)s and held.list_name = any(add_lists))
from held
order by held.list_name
"""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ListChange:
    """How many a list holds now, and how many would leave and join."""

    list_name: str
    held: int
    removed: int
    added: int


def run(url: str, destination: str, run_date: date, settings: Settings) -> int:
    """Write the plan for one night and return its ``run_id``.

    Raises ``GuardTripped`` with every limit that the plan exceeds, and by how much; the plan stays stored.
    """
    with warehouse.connect(url) as connection:
        row = connection.execute(
            "insert into delivery.run (run_date, destination) values (%s, %s) returning run_id",
            [run_date, destination],
        ).fetchone()
        run_id = int(row[0]) if row else 0
        lists = {name: audience.list for name, audience in settings.audiences.items()}
        values = {"run_id": run_id, "destination": destination, "audiences": Jsonb(lists)}
        changes = connection.execute(CHANGES, values).rowcount
        connection.execute(AUDIENCES, values)
        created = connection.execute(
            "select count(*) from delivery.plan where run_id = %s and change = 'create'", [run_id]
        ).fetchone()
        held = [ListChange(*row) for row in connection.execute(LISTS, values)]
        trips = guard_trips(settings.guards, held, created[0] if created else 0)
        connection.execute(
            "update delivery.run set stopped_by = %s where run_id = %s", ["; ".join(trips) or None, run_id]
        )
    log.info("run %d: %d changes planned for %s", run_id, changes, run_date)
    if trips:
        message = f"run {run_id} is stopped before the first call: {'; '.join(trips)}"
        raise GuardTripped(message)
    return run_id


def guard_trips(guards: Guards, lists: list[ListChange], created: int) -> list[str]:
    """Every limit that a plan exceeds, in words; empty if the plan may be sent."""
    trips = []
    if guards.max_created is not None and created > guards.max_created:
        trips.append(f"{created} contacts would be created, max_created is {guards.max_created}")
    for each in lists:
        share = each.removed / each.held
        if each.held >= guards.stop_if_emptied_from and each.removed == each.held and not each.added:
            trips.append(f"list {each.list_name!r} would lose all of its {each.held} members")
        elif each.held >= guards.from_members and share > guards.max_removed_share:
            limit = f"max_removed_share is {guards.max_removed_share:.0%}"
            trips.append(f"list {each.list_name!r} would lose {each.removed} of {each.held} ({share:.0%}), {limit}")
    return trips
