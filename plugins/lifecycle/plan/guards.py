"""The limits that stop a plan before the first call, each with the figure that exceeds it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from psycopg import sql
from psycopg.rows import class_row

from lifecycle import warehouse
from lifecycle.settings import ESP, AudienceLimits, Limits, Settings
from lifecycle.sources import source_kind

LISTS = """
with held as (
    select list_name, count(*) as persons
    from $delivery.ledger cross join unnest(lists) as list_name
    where account_id = %(account)s group by list_name
),
joining as (
    select list_name, count(*) as persons, count(*) filter (where change = 'create') as created
    from $delivery.plan cross join unnest(add_lists) as list_name
    where run_id = %(run_id)s and change <> 'refused' group by list_name
),
leaving as (
    select list_name, count(*) as persons
    from $delivery.plan cross join unnest(remove_lists) as list_name
    where run_id = %(run_id)s group by list_name
)
select list_name, coalesce(held.persons, 0) as held, coalesce(created, 0) as created,
    coalesce(joining.persons, 0) as added, coalesce(leaving.persons, 0) as removed
from held full join joining using (list_name) full join leaving using (list_name)
order by list_name
"""

ALL_LISTS = """
select null as list_name,
    (select count(*) from $delivery.ledger where account_id = %(account)s) as held,
    count(*) filter (where change = 'create') as created,
    count(*) filter (where add_lists <> '{}') as added,
    count(*) filter (where remove_lists <> '{}') as removed
from $delivery.plan
where run_id = %(run_id)s and change <> 'refused'
"""

PULLS = """
select stream, max(run_date) from $raw.pull where source = %(source)s and stream = any(%(streams)s) group by stream
"""

FAILED_CHECKS = """
select gate, suite || '.' || expectation
from $quality.result where run_date = %(run_date)s and severity = 'critical' and not success and gate <> 'read_back'
order by 1, 2
"""

NEWER_NIGHT = """
select max(run_date) from $delivery.run
where account_id = %(account)s and run_date > %(run_date)s and (
    delivered_at is not null or exists (select from $delivery.job where job.run_id = run.run_id))
"""

FIRST = """
select count(*) from $delivery.plan
where run_id = %(run_id)s and change <> 'refused' and not exists (
    select from $delivery.job where job.account_id = %(account)s)
"""

WORDS = {"created": "would be new contacts", "added": "would join", "removed": "would leave"}


@dataclass(frozen=True, slots=True)
class Change:
    """How many a list holds of ours, and how many would be new contacts, join and leave; no name: all lists."""

    list_name: str | None
    held: int
    created: int
    added: int
    removed: int


def trips(connection: warehouse.Connection, settings: Settings, run: Mapping[str, Any]) -> list[str]:
    """Every limit that a plan exceeds, in words; ``run`` holds its run_id, run_date and account."""
    own = {audience.list: settings.guards.of(audience) for audience in settings.audiences.values()}
    with connection.cursor(row_factory=class_row(Change)) as cursor:
        changes = cursor.execute(LISTS.encode(), run).fetchall() + cursor.execute(ALL_LISTS.encode(), run).fetchall()
    exceeded_limits: list[str] = []
    for change in changes:
        limits = own.get(change.list_name, settings.guards.audience) if change.list_name else settings.guards.overall
        exceeded_limits += exceeded(limits, change, settings.guards.from_members)
        if change.list_name and change.list_name not in own and change.removed:
            exceeded_limits.append(
                f"list {change.list_name!r} is no longer in the file: its {change.removed} people would leave"
            )
    return [
        *_first_delivery(connection, settings, run),
        *exceeded_limits,
        *_unknown_suppressions(connection, settings, run["run_date"]),
        *_failed_checks(connection, run),
        *_newer_night(connection, run),
    ]


def exceeded(limits: Limits, change: Change, from_members: int) -> Iterator[str]:
    """The limits that one list's change exceeds, or the change of all lists together."""
    where = "all lists" if change.list_name is None else f"list {change.list_name!r}"
    is_emptied = change.held > 0 and change.removed == change.held and not change.added
    least = limits.stop_if_emptied_from if isinstance(limits, AudienceLimits) else None
    if is_emptied and least is not None and change.held >= least:
        yield f"{where}: all of its {change.held} members would leave, stop_if_emptied_from is {least}"
        return
    for kind, words in WORDS.items():
        people, most, share = (
            getattr(change, kind),
            getattr(limits, f"max_{kind}"),
            getattr(limits, f"max_{kind}_share"),
        )
        if most is not None and people > most:
            yield f"{where}: {people} people {words}, max_{kind} is {most}"
        if share is not None and change.held >= from_members and people > share * change.held:
            yield (
                f"{where}: {people} people {words}, {people / change.held:.0%} of {change.held},"
                f" max_{kind}_share is {share:.0%}"
            )


def _unknown_suppressions(connection: warehouse.Connection, settings: Settings, run_date: date) -> Iterator[str]:
    """What is not known of whom each provider that is read must not be written to."""
    for name, esp in settings.providers().items():
        place = "suppressions" if name == ESP else f"suppressions of {name}"
        streams = source_kind(esp.kind).suppressions(esp)
        pulled: dict[str, date] = dict(connection.execute(PULLS, {"source": name, "streams": list(streams)}).fetchall())
        for stream in streams:
            last, most = pulled.get(stream), settings.guards.suppressions_max_age_days
            if last is None:
                yield f"{place}: {stream} were never pulled"
            elif (run_date - last).days > most:
                yield f"{place}: {stream} were last pulled for {last}, suppressions_max_age_days is {most}"
        tables = (warehouse.document_table(esp.kind, stream) for stream in streams)
        if not settings.guards.suppressions_may_be_empty and not _any_document(connection, name, tables):
            yield f"{place}: there is not a single one, and suppressions_may_be_empty is false"


def _any_document(connection: warehouse.Connection, source: str, tables: Iterable[sql.Identifier]) -> bool:
    """Whether a source has any document in some tables, which need not be there."""
    known = [table for table in tables if warehouse.exists(connection, table)]
    one = sql.SQL("(select 1 from {} where source = {} and not is_deleted limit 1)")
    any_of_them = sql.SQL(" union all ").join(one.format(table, source) for table in known)
    return bool(known) and connection.execute(sql.SQL("select exists ({})").format(any_of_them)).fetchone() == (True,)


def _failed_checks(connection: warehouse.Connection, run: Mapping[str, Any]) -> Iterator[str]:
    for gate, check in connection.execute(FAILED_CHECKS, run):
        yield f"gate {gate}: the critical check {check} has failed"


def _first_delivery(connection: warehouse.Connection, settings: Settings, run: Mapping[str, Any]) -> Iterator[str]:
    row = connection.execute(FIRST, run).fetchone()
    if row and row[0] and settings.guards.first_delivery_asks:
        yield f"this account was never delivered to: {row[0]} people would be written, first_delivery_asks is true"


def _newer_night(connection: warehouse.Connection, run: Mapping[str, Any]) -> Iterator[str]:
    row = connection.execute(NEWER_NIGHT, run).fetchone()
    if row and row[0]:
        yield f"the night of {row[0]} was delivered already, or in part: {run['run_date']} would turn the provider back"
