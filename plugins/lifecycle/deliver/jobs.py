"""What became of requests: open jobs are asked about until each has an outcome, and the ledger is written from that."""

import dataclasses
import logging
import re
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from psycopg.rows import class_row

from lifecycle import warehouse
from lifecycle.deliver.requests import (
    ENTER,
    MARK_UNCERTAIN,
    UNEXPLAINED,
    Job,
    end,
    intend,
    mark_submitted,
    mark_uncertain,
    reject,
)
from lifecycle.destinations import Outcome, Upserts
from lifecycle.errors import AccountRefused, RetryLater

PATIENCE_SECONDS = 15 * 60.0
FIRST_PAUSE = 0.1
#: One reason for so large a share of a job of so many rows is the account's, whatever its words.
MOST_OF, FROM_ROWS = 0.5, 20
#: What differs from row to row in the words of one reason.
OF_A_ROW = re.compile(r"'[^']*'|\"[^\"]*\"|\S+@\S+|\d+")

CONFIRM_UPSERT = """
insert into $delivery.ledger as known (account_id, person_id, email, fields, lists, confirmed_at, run_id)
select %(account)s, person_id, plan.email, plan.desired, plan.add_lists, now(), plan.run_id
from $delivery.job_row join $delivery.plan using (run_id, person_id)
where job_id = %(job_id)s and not person_id = any(%(rejected)s)
on conflict (account_id, person_id) do update
set email = excluded.email, fields = excluded.fields, is_certain = true, confirmed_at = now(), run_id = excluded.run_id,
    lists = array(select unnest(known.lists) union select unnest(excluded.lists) order by 1)
"""

CONFIRM_REMOVAL = """
update $delivery.ledger
set lists = array_remove(lists, %(list_name)s), confirmed_at = now(), run_id = job_row.run_id
from $delivery.job_row
where job_row.job_id = %(job_id)s and ledger.person_id = job_row.person_id
    and ledger.account_id = %(account)s
"""

LEAVE = """
update $delivery.membership set left_on = run_date, left_run = run.run_id
from $delivery.job_row join $delivery.run using (run_id)
where job_row.job_id = %(job_id)s and membership.person_id = job_row.person_id
    and membership.account_id = %(account)s and list_name = %(list_name)s and left_run is null
"""

STILL_OPEN = """
select job_id, run_id, kind, list_name, coalesce(provider_job, '') as provider_job, part_of
from $delivery.job where account_id = %(account)s and status = 'submitted' order by job_id
"""

DOUBTED = """
select job_id, run_id, kind, list_name, provider_job, part_of
from $delivery.job where account_id = %(account)s and status = 'doubted' and provider_job is not null order by job_id
"""

OVERDUE = """
select job_id, kind, (select count(*) from $delivery.job_row where job_row.job_id = job.job_id)
from $delivery.job
where account_id = %s and status = 'submitted' and submitted_at < now() - make_interval(secs => %s)
order by job_id
"""

FINISH = """
update $delivery.job set status = %(status)s, finished_at = now(), confirmed = %(confirmed)s, rejected = %(refused)s,
    unnamed = %(unnamed)s
where job_id = %(job_id)s
"""

log = logging.getLogger(__name__)


def wait(
    connection: warehouse.Connection, destination: Upserts, account_id: int, pending_seconds: float | None = None
) -> int:
    """Poll every open job until it has an outcome; return how many were open, requests that were cut off included.

    Raises ``RetryLater`` after ``PATIENCE_SECONDS``; the jobs stay open, and the next run polls again. Of a job that is
    pending for more than ``pending_seconds`` nobody knows whether it will be carried out: its people are in doubt.
    Raises ``AccountRefused`` when all is stored, if a job was refused for a reason of the account.
    """
    cut_off = connection.execute(
        "select job_id from $delivery.job where account_id = %s and status = 'intended'", [account_id]
    ).fetchall()
    for (job_id,) in cut_off:
        mark_uncertain(connection, account_id, job_id)
    still_open, refusals = _jobs(connection, STILL_OPEN, account_id), list[str]()
    asked, until, pause = len(cut_off) + len(still_open), time.monotonic() + PATIENCE_SECONDS, FIRST_PAUSE
    while still_open:
        still_open = [job for job in still_open if not _resolved(connection, destination, account_id, job, refusals)]
        if still_open and pending_seconds is not None:
            overdue = _doubt_overdue(connection, account_id, pending_seconds)
            still_open = [job for job in still_open if job.job_id not in overdue]
        if still_open and time.monotonic() > until:
            waited = f"still pending after {PATIENCE_SECONDS:.0f} s"
            message = f"{len(still_open)} job(s) {waited}; the next run asks again"
            raise RetryLater(message)
        if still_open:
            time.sleep(pause)
            pause = min(pause * 2, destination.max_poll_seconds)
    if refusals:
        raise AccountRefused("; ".join(dict.fromkeys(refusals)))
    return asked


def ask_about_doubted(connection: warehouse.Connection, destination: Upserts, account_id: int) -> None:
    """Ask once about every job that was pending for too long: its people were planned again, so only its end counts."""
    for job in _jobs(connection, DOUBTED, account_id):
        if (status := destination.outcome(job.provider_job).status) != "pending":
            connection.execute(
                "update $delivery.job set status = %s, finished_at = now() where job_id = %s",
                ["completed" if status == "completed" else "failed", job.job_id],
            )


def record_removal(
    connection: warehouse.Connection,
    account_id: int,
    run_id: int,
    list_name: str,
    people: Iterable[UUID],
    provider_job: str | None,
) -> None:
    """Store a removal that was requested; without a job of the provider's it is done already.

    Removing somebody twice does no harm, so a removal is stored only when the provider has named its job.
    """
    with connection.transaction():
        job = intend(connection, account_id, run_id, "remove", people, list_name=list_name)
        if provider_job is None:
            _finish(connection, account_id, job, _people(connection, job), Outcome("completed"), {})
        else:
            mark_submitted(connection, job, provider_job)


def record_doubted_removal(
    connection: warehouse.Connection, account_id: int, run_id: int, list_name: str, people: Iterable[UUID]
) -> None:
    """Store that nobody can tell yet whether people are off a list: the next plan takes them off again."""
    with connection.transaction():
        job = intend(connection, account_id, run_id, "remove", people, list_name=list_name)
        end(connection, job.job_id, "doubted")


def _jobs(connection: warehouse.Connection, query: str, account_id: int) -> list[Job]:
    with connection.cursor(row_factory=class_row(Job)) as cursor:
        return cursor.execute(query.encode(), {"account": account_id}).fetchall()


def _doubt_overdue(connection: warehouse.Connection, account_id: int, seconds: float) -> set[int]:
    overdue = connection.execute(OVERDUE, [account_id, seconds]).fetchall()
    for job_id, kind, persons in overdue:
        with connection.transaction():
            if kind == "upsert":
                mark_uncertain(connection, account_id, job_id, "doubted")
            else:
                end(connection, job_id, "doubted")
            warehouse.record_doubt(connection, account_id, "job pending", None, persons)
    return {job_id for job_id, *_ in overdue}


def _resolved(
    connection: warehouse.Connection, destination: Upserts, account_id: int, job: Job, refusals: list[str]
) -> bool:
    outcome = destination.outcome(job.provider_job)
    if outcome.status == "pending":
        return False
    if outcome.status == "unknown":  # it is made again: what it has done already, a repetition finds
        outcome = Outcome("failed")
    people = _people(connection, job)
    if outcome.status == "failed" and job.part_of and outcome.rejected_count >= len(people):
        # a half in which each row is refused was carried out; another job that failed goes again as a whole
        outcome = dataclasses.replace(outcome, status="completed")
    blamed = _blamed(destination, outcome, people)
    if blamed:
        refusals.append(_refusal(blamed, len(people)))
    unnamed = outcome.rejected_count - len(outcome.rejected)
    if outcome.status == "completed" and len(people) >= FROM_ROWS and unnamed > MOST_OF * len(people):
        refusals.append(f"the provider refuses {unnamed} of {len(people)} people and doesn't say why or whom")
    _finish(connection, account_id, job, people, outcome, blamed)
    return True


def _blamed(destination: Upserts, outcome: Outcome, people: Sequence[tuple[UUID, str]]) -> dict[str, str]:
    """Address → reason of those who were refused for a reason of the account."""
    own = {email for _, email in people}
    reasons = {email: why for email, why in outcome.rejected if email in own}
    alike = Counter(OF_A_ROW.sub("…", why) for why in reasons.values())
    common = {why for why, count in alike.items() if count > MOST_OF * len(people) and len(people) >= FROM_ROWS}
    return {
        email: why
        for email, why in reasons.items()
        if destination.blames_account(why) or OF_A_ROW.sub("…", why) in common
    }


def _refusal(blamed: Mapping[str, str], people: int) -> str:
    words, _ = Counter(OF_A_ROW.sub("…", why) for why in blamed.values()).most_common(1)[0]
    return (
        f"the provider refuses {len(blamed)} of {people} people for a reason of the account: {words[:200]!r};"
        " put that right there, the next night sends them again"
    )


def _finish(
    connection: warehouse.Connection,
    account_id: int,
    job: Job,
    people: Sequence[tuple[UUID, str]],
    outcome: Outcome,
    blamed: Mapping[str, str],
) -> None:
    """Write a job's outcome: ledger, memberships, rejected rows and the job's end, in one transaction.

    Whom the account's limits kept out is neither confirmed nor rejected. If some rows are refused and not named, all of
    the job's people are uncertain, and its halves are sent.
    """
    reasons = dict(outcome.rejected)
    refused = {person_id: reasons[email] for person_id, email in people if email in reasons and email not in blamed}
    kept_out = [person_id for person_id, email in people if email in blamed]
    unnamed = max(outcome.rejected_count - len(refused) - len(kept_out), 0) if outcome.status == "completed" else 0
    if unnamed and len(people) == 1:
        refused, unnamed = {people[0][0]: UNEXPLAINED}, 0
    values = {
        "account": account_id,
        "job_id": job.job_id,
        "list_name": job.list_name,
        "rejected": [*refused, *kept_out],
        "confirmed": len(people) - len(refused) - len(kept_out) if outcome.status == "completed" and not unnamed else 0,
        "refused": len(refused),
        "unnamed": unnamed,
        "status": outcome.status,
    }
    with connection.transaction():
        for person_id, why in refused.items():
            reject(connection, account_id, job.run_id, person_id, why)
        if outcome.status == "completed":
            upserted = (MARK_UNCERTAIN if unnamed else CONFIRM_UPSERT, ENTER)
            for statement in upserted if job.kind == "upsert" else (CONFIRM_REMOVAL, LEAVE):
                connection.execute(statement, values)
        connection.execute(FINISH, values)
    log.info(
        "job %d (%s): %s, %d confirmed, %d rejected, %d refused without a name",
        job.job_id,
        job.kind,
        outcome.status,
        values["confirmed"],
        len(refused),
        unnamed,
    )


def _people(connection: warehouse.Connection, job: Job) -> list[tuple[UUID, str]]:
    """Each one's id, and the one form of their address."""
    return connection.execute(
        "select person_id, $raw.normalized_email(email)"
        " from $delivery.job_row join $delivery.plan using (run_id, person_id) where job_id = %s",
        [job.job_id],
    ).fetchall()
