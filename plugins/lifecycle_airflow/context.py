"""What the DAGs ask of Airflow: connections, the date of a run, and when to try again."""

import os
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Self
from zoneinfo import ZoneInfo

from airflow.sdk import Connection as AirflowConnection
from airflow.sdk import Param, get_current_context
from airflow.sdk.definitions.retry_policy import ExceptionRetryPolicy, RetryAction, RetryRule

from lifecycle.errors import Stop
from lifecycle.settings import Connection, Settings, load, quiet_environment

#: The connection of the nights, which write, and that of the page, which reads.
WAREHOUSE, PAGE = "warehouse", "warehouse_page"
START = datetime(2015, 1, 1, tzinfo=UTC)
TAGS = ("lifecycle",)
#: The parameter that ``Installation.run_date`` looks for.
RUN_DATE = Param(None, type=["null", "string"], format="date", description="Run for this date")
#: The tasks' default arguments: a fault may pass, but where a person has to act, trying again changes nothing.
TRY_AGAIN = {
    "retries": 2,
    "retry_delay": timedelta(minutes=1),
    "retry_exponential_backoff": True,
    "retry_policy": ExceptionRetryPolicy(rules=[RetryRule(exception=Stop, action=RetryAction.FAIL)]),
}


@dataclass(frozen=True)
class Installation:
    """The marketer's file and the warehouse that a DAG works with."""

    settings: Settings
    warehouse: str

    @classmethod
    def load(cls, config: Path | None = None, warehouse: str = WAREHOUSE) -> Self:
        """Read the marketer's file: ``config``, else the one that ``LIFECYCLE_CONFIG`` names, else the shipped one.

        ``quiet.env`` holds from then on in this process, unless the environment says otherwise. Raises
        ``SettingsInvalid`` with every problem of the file; Airflow shows it as the DAG's import error.
        """
        for name, value in quiet_environment().items():
            os.environ.setdefault(name, value)
        return cls(load(config), warehouse)

    def connection(self, name: str | None) -> Connection:
        """An Airflow connection as plain values; an empty one for a source that needs none."""
        if name is None:
            return Connection("none")
        return Connection.of(name, AirflowConnection.get(name))

    def warehouse_url(self) -> str:
        """The URL of the login that writes."""
        return self.connection(self.warehouse).database_url()

    def run_date(self) -> date:
        """The one date of this run: the parameter, the partition, else the logical date in the shop's time zone.

        A logical date at midnight UTC was entered as a plain date and is used unchanged. A run without a logical
        date is for the last business day that is over.
        """
        context = get_current_context()
        run = context["dag_run"]
        requested = context["params"].get("run_date") or getattr(run, "partition_key", None)
        if requested:
            return date.fromisoformat(requested)
        zone = ZoneInfo(self.settings.timezone)
        moment: datetime | None = run.logical_date
        if moment is None:
            day_before: datetime = run.run_after.astimezone(zone) - timedelta(days=1)
            return day_before.date()
        moment = moment.astimezone(UTC)
        return moment.date() if moment.time() == time() else moment.astimezone(zone).date()

    def prepare(self) -> None:
        """Create the schemas and tables that are not dbt's, or bring them up to date."""
        from lifecycle import extract

        extract.prepare(self.warehouse_url())
