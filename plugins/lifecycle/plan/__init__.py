"""What the provider should hold, minus what it has confirmed: the change set of a night, and its guards.

One row per person with a change: the fields to write, the lists to join and to leave. The decision about everybody
whom an audience's rule matches is stored with its reason. Memberships and contacts that we did not make are
never touched. Nothing is sent here.
"""

import logging
from collections.abc import Mapping
from datetime import date
from typing import Any

from psycopg.types.json import Jsonb

from lifecycle import warehouse
from lifecycle.errors import GuardTripped
from lifecycle.plan import guards
from lifecycle.settings import GREETING_COLUMNS, NOT_CONTACTABLE, Settings

# Whole tables are compared, in parallel, because few rows come of it: a merge join would fetch each row by index, in no
# order of the disk, and a nested loop is chosen only where the planner takes a million rows for one.
WHOLE_TABLES = """
set local enable_mergejoin = off; set local enable_nestloop = off; set local work_mem = '256MB';
set local parallel_setup_cost = 0; set local parallel_tuple_cost = 0
"""

CHANGED_DECISIONS = """
create temporary table changed_decision on commit drop as
select audience, person_id, decided.outcome, decided.exclusion, known.outcome is not null as is_known
from $marts.audience_decisions as decided
full join (select * from $delivery.decision where until_run is null) as known using (audience, person_id)
where (decided.outcome, decided.exclusion) is distinct from (known.outcome, known.exclusion)
"""

ONLY_CHANGED = "analyze changed_decision; set local enable_nestloop = on"

CLOSE_DECISIONS = """
update $delivery.decision set until_on = %(run_date)s, until_run = %(run_id)s
from changed_decision as changed
where until_run is null and decision.audience = changed.audience and decision.person_id = changed.person_id
    and changed.is_known
"""

OPEN_DECISIONS = """
insert into $delivery.decision (audience, person_id, outcome, exclusion, reason, since_on, since_run)
select audience, person_id, decided.outcome, decided.exclusion, decided.reason, %(run_date)s, %(run_id)s
from changed_decision as changed inner join $marts.audience_decisions as decided using (audience, person_id)
"""

COUNTED_DECISIONS = """
create temporary table counted_decision on commit drop as
select audience, outcome, exclusion, count(*) as persons
from $marts.audience_decisions
group by audience, outcome, exclusion
"""

CHANGES = """
insert into $delivery.plan (run_id, person_id, email, change, payload, desired, add_lists, remove_lists)
with memberships as (
    select person_id, array_agg(list_name order by list_name) as lists
    from $marts.audience_members
    where not is_holdout
    group by person_id
),
wanted as (
    select person_id, contacts.email, coalesce(memberships.lists, '{}') as lists, contacts.fields
    from $marts.contact_fields as contacts
    left join memberships using (person_id)
),
confirmed as (
    select *, case when is_certain then lists else '{}' end as certain_lists
    from $delivery.ledger
    where account_id = %(account)s
),
compared as (
    select
        person_id,
        email,
        wanted.fields is not null as may_be_contacted,
        confirmed.fields is not null as is_known,
        -- who may not be written to keeps nothing by which a segment would find them
        coalesce(wanted.fields, %(neutral)s::jsonb) as desired,
        coalesce(confirmed.fields, '{}') as held,
        array(select unnest(wanted.lists) except select unnest(confirmed.certain_lists) order by 1) as add_lists,
        array(select unnest(confirmed.lists) except select unnest(wanted.lists) order by 1) as remove_lists,
        -- another address is another contact there: before it comes, the former one leaves
        confirmed.fields is null and exists (
            select from $delivery.ledger as former
            where former.account_id = %(account)s and former.person_id = wanted.person_id
                and (former.lists <> '{}' or former.fields <> %(neutral)s::jsonb and not exists (
                    select from $delivery.reject
                    where reject.account_id = %(account)s and reject.person_id = former.person_id
                        and reject.email = former.email and reject.payload @> %(neutral)s::jsonb))
        ) as must_wait
    from wanted
    full join confirmed using (person_id, email)
    where wanted.lists is distinct from confirmed.certain_lists or wanted.lists is distinct from confirmed.lists
        or coalesce(wanted.fields, %(neutral)s::jsonb) is distinct from confirmed.fields
),
changes as (
    select *,
        case when desired <> held or not is_known
            -- what the provider still holds and the person no longer has is emptied by name, but for what greets: that
            -- can be the provider's own, and no segment is built on it
            then desired || coalesce(
                (select jsonb_object_agg(key, null::text)
                from jsonb_object_keys(held) as key
                where not desired ? key and key <> all(%(greeting)s::text[])), '{}')
            else '{}'
        end as payload
    from compared
)
select %(run_id)s, person_id, email,
    case
        when remove_lists = '{}' and exists (
            select from $delivery.reject
            where reject.account_id = %(account)s and reject.person_id = changes.person_id
                and (reject.email, reject.payload, reject.add_lists)
                    = (changes.email, changes.payload, changes.add_lists)
        ) then 'refused'
        when not may_be_contacted then 'leave'
        when is_known then 'update'
        else 'create'
    end,
    payload, desired, add_lists, remove_lists
from changes
where not must_wait and (is_known or add_lists <> '{}')
    and (payload <> '{}' or add_lists <> '{}' or remove_lists <> '{}')
"""

AUDIENCES = """
insert into $delivery.audience
    (run_id, audience, list_name, members, held_out, excluded, created, added, removed, unchanged, is_removed)
with configured as (
    select audience, list_name from jsonb_each_text(%(audiences)s) as configured (audience, list_name)
),
figures as (
    select configured.audience, configured.list_name,
        coalesce(sum(persons) filter (where outcome = 'member'), 0) as members,
        coalesce(sum(persons) filter (where outcome = 'holdout'), 0) as held_out,
        coalesce(jsonb_object_agg(exclusion, persons) filter (where exclusion is not null), '{}') as excluded
    from configured
    left join counted_decision as decided on decided.audience = configured.audience
    group by configured.audience, configured.list_name
),
joining as (
    select list_name, count(*) as persons, count(*) filter (where change = 'create') as created,
        count(*) filter (where change <> 'refused') as added
    from $delivery.plan cross join unnest(add_lists) as list_name where run_id = %(run_id)s group by list_name
),
leaving as (
    select list_name, count(*) as persons
    from $delivery.plan cross join unnest(remove_lists) as list_name where run_id = %(run_id)s group by list_name
)
select %(run_id)s, audience, list_name, members, held_out, excluded, coalesce(created, 0), coalesce(added, 0),
    coalesce(leaving.persons, 0), members - coalesce(joining.persons, 0), false
from figures left join joining using (list_name) left join leaving using (list_name)
union all
-- a list that the file no longer names goes by its former audience, or by its own name where that would be mistaken
select %(run_id)s,
    case when audience in (select audience from configured) or count(*) over (partition by audience) > 1
        then 'list ' || list_name else audience end,
    list_name, 0, 0, '{}', 0, 0, persons, 0, true
from (
    select list_name, persons, coalesce((
        select former.audience from $delivery.audience as former
        where former.list_name = leaving.list_name and not former.is_removed
            and former.audience not in (select audience from configured)
        order by former.run_id desc limit 1), list_name) as audience
    from leaving where list_name not in (select list_name from configured)
) as removed
"""

FORGET_REFUSALS = "delete from $delivery.reject where account_id = %(account)s"

#: A plan that may be made anew: nothing of it was sent.
RENEWABLE = """
select run_date, account_id, stopped_by, answer from $delivery.run
where run_id = %s and not exists (select from $delivery.job where job.run_id = run.run_id)
"""

log = logging.getLogger(__name__)


def run(url: str, run_date: date, settings: Settings, *, is_dry_run: bool = False, retry_refused: bool = False) -> int:
    """Write the plan for one night and return its ``run_id``; ``stopped_by`` holds the guards that it trips.

    It is for the account that the last night met. ``retry_refused`` forgets what was refused there, so that all of it
    is planned again.
    """
    destination = settings.push_to().kind
    with warehouse.connect(url) as connection:
        lists = {name: audience.list for name, audience in settings.audiences.items()}
        values: dict[str, Any] = {"run_date": run_date, "destination": destination, "audiences": Jsonb(lists)}
        values["account"] = warehouse.current_account(connection, destination)
        values |= {"neutral": NOT_CONTACTABLE, "greeting": list(GREETING_COLUMNS)}
        row = connection.execute(
            "insert into $delivery.run (run_date, destination, account_id, is_dry_run, fields)"
            " values (%(run_date)s, %(destination)s, %(account)s, %(is_dry_run)s, %(fields)s) returning run_id",
            {**values, "is_dry_run": is_dry_run, "fields": list(settings.custom_fields())},
        ).fetchone()
        values["run_id"] = int(row[0]) if row else 0
        if retry_refused:
            connection.execute(FORGET_REFUSALS, values)
        _make(connection, settings, values)
    return int(values["run_id"])


def renew(url: str, run_id: int, settings: Settings) -> None:
    """Make a plan anew of which nothing was sent, under the same number; an approval of other limits doesn't hold on.

    Raises ``GuardTripped`` if some of it was sent: what is left is a plan of the next night's.
    """
    with warehouse.connect(url) as connection:
        row = connection.execute(RENEWABLE, [run_id]).fetchone()
        if row is None:
            message = f"run {run_id} was sent in part, too long ago to go on; plan again"
            raise GuardTripped(message)
        run_date, account_id, stopped_by, answer = row
        connection.execute("delete from $delivery.plan where run_id = %s", [run_id])
        connection.execute("delete from $delivery.audience where run_id = %s", [run_id])
        lists = Jsonb({name: audience.list for name, audience in settings.audiences.items()})
        values = {"run_id": run_id, "run_date": run_date, "account": account_id, "audiences": lists}
        values |= {"neutral": NOT_CONTACTABLE, "greeting": list(GREETING_COLUMNS)}
        stops = _make(connection, settings, values)
        connection.execute(
            "update $delivery.run set planned_at = now(), answer = %s where run_id = %s",
            [answer if stops == stopped_by else None, run_id],
        )


def _make(connection: warehouse.Connection, settings: Settings, values: Mapping[str, Any]) -> str | None:
    """Fill a run with its plan, and return the guards that it trips."""
    connection.execute(WHOLE_TABLES)
    for statement in (COUNTED_DECISIONS, CHANGED_DECISIONS, ONLY_CHANGED, CLOSE_DECISIONS, OPEN_DECISIONS):
        connection.execute(statement, values)
    connection.execute(WHOLE_TABLES)
    changes = connection.execute(CHANGES, values).rowcount
    connection.execute(AUDIENCES, values)
    stops = "; ".join(guards.trips(connection, settings, values)) or None
    connection.execute("update $delivery.run set stopped_by = %s where run_id = %s", [stops, values["run_id"]])
    log.info("run %d: %d changes planned for %s", values["run_id"], changes, values["run_date"])
    return stops


def stopped_by(url: str, run_id: int) -> str | None:
    """The guards that a plan trips, in words."""
    with warehouse.connect(url) as connection:
        row = connection.execute("select stopped_by from $delivery.run where run_id = %s", [run_id]).fetchone()
        return row[0] if row else None


def question(url: str, run_id: int) -> str:
    """A plan in figures, as Markdown, for the person who has to approve it."""
    with warehouse.connect(url) as connection:
        rows = connection.execute(
            "select audience || case when is_removed then ' (no longer in the file)' else '' end,"
            " members, added, removed, created, unchanged, held_out,"
            " (select coalesce(sum(persons::bigint), 0) from jsonb_each_text(excluded) as each (reason, persons))"
            " from $delivery.audience where run_id = %s order by audience",
            [run_id],
        ).fetchall()
    titles = ("audience", "members", "join", "leave", "new contacts", "unchanged", "held out", "excluded")
    lines = [titles, ("---",) * len(titles), *rows]
    table = "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)
    limits = "\n".join(f"- {limit}" for limit in (stopped_by(url, run_id) or "").split("; ") if limit)
    return f"Run {run_id}\n\n{limits}\n\n{table}"


def record_approval(url: str, run_id: int, *, by: str | None, is_approved: bool) -> None:
    """Record who approved or rejected a plan, and when; without ``by``, nobody answered in time."""
    decision = "approved" if is_approved and by else "rejected" if by else "unanswered"
    with warehouse.connect(url) as connection:
        connection.execute(
            "update $delivery.run set answer = %s, answered_by = %s, answered_at = now() where run_id = %s",
            [decision, by, run_id],
        )
    log.info("run %d: %s", run_id, decision)
