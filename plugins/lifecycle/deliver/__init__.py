"""Send a plan, wait until the provider confirms it, quarantine refused rows, and write the ledger from that.

Every step is committed before the next begins, so a run that is killed goes on where it was: rows whose job is open
are polled, not sent again. A request is repeated only if its response was lost, which does no harm. Who must leave
leaves before anybody joins.
"""

from datetime import date

from psycopg import sql

from lifecycle import warehouse
from lifecycle.deliver import absent, accounts, jobs, suppressions
from lifecycle.deliver.batches import UNSENT, Sender
from lifecycle.deliver.removals import UNREMOVED, Remover
from lifecycle.destinations import Destination, Removes, Upserts
from lifecycle.errors import GuardTripped, PlanOutdated, RetryLater, Stop
from lifecycle.settings import NOT_CONTACTABLE, Requests

HOUR = 3600.0
#: How long an import may be pending, and how old a plan may be, where the marketer's file says nothing else.
PENDING_HOURS, PLAN_HOURS = Requests().pending_hours, Requests().plan_hours

MAY_BE_SENT = """
select destination, run.account_id, run_date, is_dry_run, stopped_by, answer,
    now() - planned_at > make_interval(secs => %(seconds)s) as is_old,
    (
        select max(other.run_id) from $delivery.run as other
        where other.account_id = run.account_id and other.run_id <> run.run_id and not other.is_dry_run
            and (
                exists (
                    select from $delivery.job
                    where job.run_id = other.run_id and (other.run_id > run.run_id or submitted_at > run.planned_at))
                or other.run_id > run.run_id and other.run_date >= run.run_date
                    and (other.stopped_by is null or other.answer = 'approved')
                    and now() - other.planned_at <= make_interval(secs => %(seconds)s)
            )
    ) as newer
from $delivery.run where run_id = %(run_id)s
"""


def resolve_open_jobs(url: str, destination: Upserts, *, pending_hours: float = PENDING_HOURS) -> int:
    """Poll the jobs that an earlier run left open, until each has an outcome; return how many.

    The account that the connection opens is the current one from then on, and the ledger of what it no longer has, a
    list or a field, is forgotten, so that the next plan writes it again.
    """
    with (
        warehouse.only_one(url, f"deliver {destination.name}"),
        warehouse.connect(url, autocommit=True) as connection,
    ):
        account_id, there = accounts.meet(connection, destination)
        jobs.ask_about_doubted(connection, destination, account_id)
        resolved = jobs.wait(connection, destination, account_id, pending_hours * HOUR)
        accounts.doubt_what_is_gone(connection, account_id, there)
        return resolved


def known_lists(url: str, destination: str) -> dict[str, str]:
    """Our list name → its id in the current account of a kind of destination, whatever it is called there now."""
    with warehouse.connect(url) as connection:
        return accounts.known_lists(connection, destination)


def run(
    url: str,
    destination: Upserts,
    run_id: int,
    *,
    pending_hours: float = PENDING_HOURS,
    plan_hours: float = PLAN_HOURS,
) -> dict[str, int]:
    """Send what is left of a plan; return the counts ``planned, sent, confirmed, rejected``.

    Raises ``GuardTripped`` if the plan must not be sent (any more), ``AccountRefused`` if the provider refuses for a
    reason of the account, and ``RetryLater`` if it does not finish in time, if it failed a job as a whole, or if
    another delivery is at it.
    """
    with (
        warehouse.only_one(url, f"deliver {destination.name}"),
        warehouse.connect(url, autocommit=True) as connection,
    ):
        planned_for, run_date = _may_be_sent(connection, destination, run_id, plan_hours * HOUR)
        account_id, _ = accounts.meet(connection, destination)
        if account_id != planned_for:
            message = f"run {run_id} is planned for another account than the one that the connection opens; plan again"
            raise GuardTripped(message)
        _note_ids(connection, destination, account_id, run_id)
        jobs.wait(connection, destination, account_id, pending_hours * HOUR)
        suppressions.hold_back(connection, run_id)
        suppressions.heed(connection, destination, account_id, run_id, run_date, NOT_CONTACTABLE)
        if isinstance(destination, Removes):
            remover = Remover(url, destination, account_id, run_id)
            while remover.remove_all():
                jobs.wait(connection, destination, account_id)
            absent.skip(connection, destination, account_id, run_id, run_date)
        sender = Sender(url, destination, account_id, run_id)
        sender.send_all()
        jobs.wait(connection, destination, account_id)
        while sender.halve(connection):
            jobs.wait(connection, destination, account_id)
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


def _may_be_sent(
    connection: warehouse.Connection, destination: Destination, run_id: int, seconds: float
) -> tuple[int, date]:
    """The account and the date of the run, if it may be sent."""
    row = connection.execute(MAY_BE_SENT, {"run_id": run_id, "seconds": seconds}).fetchone()
    if row is None or row[0] != destination.name:
        message = f"run {run_id} is not a plan for {destination.name}"
        raise Stop(message)
    _, account_id, run_date, is_dry_run, stopped_by, answer, is_old, newer = row
    if is_dry_run:
        message = f"run {run_id} is a dry run: nothing is sent"
        raise GuardTripped(message)
    if stopped_by and answer != "approved":
        message = f"run {run_id} is stopped before the first call ({answer or 'nobody was asked'}): {stopped_by}"
        raise GuardTripped(message)
    if newer:
        message = f"run {run_id} is out of date: run {newer} was planned or sent since; plan again"
        raise GuardTripped(message)
    if is_old:
        message = f"run {run_id} was planned more than {seconds / HOUR:g} hours ago; plan again"
        raise PlanOutdated(message)
    if not isinstance(destination, Removes) and (leaving := _count(connection, UNREMOVED, run_id)):
        message = f"run {run_id}: {leaving} people would leave lists, and {destination.name} takes nobody off a list"
        raise Stop(message)
    return account_id, run_date


def _note_ids(connection: warehouse.Connection, destination: Upserts, account_id: int, run_id: int) -> None:
    """Keep the ids of the lists and fields that the plan writes."""
    row = connection.execute(
        "select fields, array(select list_name from $delivery.audience where run_id = run.run_id and not is_removed)"
        " from $delivery.run where run_id = %s",
        [run_id],
    ).fetchone()
    fields, lists = row or ([], [])
    accounts.note(
        connection,
        account_id,
        {name: destination.list_ids[name] for name in lists if name in destination.list_ids},
        {name: destination.field_ids[name] for name in fields if name in destination.field_ids},
    )


def _count(connection: warehouse.Connection, query: str, run_id: int) -> int:
    counting = sql.SQL("select count(*) from ({}) as rows").format(sql.SQL(query))
    row = connection.execute(counting, {"run_id": run_id}).fetchone()
    return int(row[0]) if row else 0
