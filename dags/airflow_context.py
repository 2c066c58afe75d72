"""What our DAGs ask of Airflow: connections, the date of a run, and when to try again. It is no DAG itself."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from airflow.sdk import Connection, Param, get_current_context
from airflow.sdk.definitions.retry_policy import ExceptionRetryPolicy, RetryAction, RetryRule

from lifecycle import settings as marketer
from lifecycle.errors import Stop

SETTINGS = marketer.load()
#: The connection of the nights, which write, and that of the page, which reads.
WAREHOUSE, PAGE = "warehouse", "warehouse_page"
#: The parameter that ``run_date`` looks for.
RUN_DATE = Param(None, type=["null", "string"], format="date", description="Run for this date")
#: The tasks' default arguments: a fault may pass, but where a person has to act, trying again changes nothing.
TRY_AGAIN = {
    "retries": 2,
    "retry_delay": timedelta(minutes=1),
    "retry_exponential_backoff": True,
    "retry_policy": ExceptionRetryPolicy(rules=[RetryRule(exception=Stop, action=RetryAction.FAIL)]),
}


def connection(name: str | None) -> marketer.Connection:
    """An Airflow connection as the rooms want it; an empty one for a source that needs none."""
    if name is None:
        return marketer.Connection("none")
    return marketer.Connection.of(name, Connection.get(name))


def warehouse() -> str:
    """The warehouse's URL."""
    return connection(WAREHOUSE).database_url()


def run_date() -> date:
    """The one date of this run: the parameter, the partition, else the logical date in the house's zone.

    A logical date at midnight UTC was given as a plain date and is taken as it stands. A run without a logical date is
    for the last business day that is over.
    """
    context = get_current_context()
    run = context["dag_run"]
    stated = context["params"].get("run_date") or getattr(run, "partition_key", None)
    if stated:
        return date.fromisoformat(stated)
    zone = ZoneInfo(SETTINGS.timezone)
    moment: datetime | None = run.logical_date
    if moment is None:
        over: datetime = run.run_after.astimezone(zone) - timedelta(days=1)
        return over.date()
    moment = moment.astimezone(UTC)
    return moment.date() if moment.time() == time() else moment.astimezone(zone).date()
