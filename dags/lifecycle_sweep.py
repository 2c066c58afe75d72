"""Look for what has been deleted at the shops and at the e-mail provider.

A night reads what changed; of what vanished no source tells. This run lists everything that is there and marks what is
not any more (`is_deleted`); the next night derives the stages without it.

**Schedule**: the marketer's file (`sweeps.schedule`, in the house's zone).

**Parameters** `accept_loss`: mark it also where more vanished than the file allows.

**When it fails**: more vanished at a source than `sweeps` allows, or it could not be read. Nothing was marked in the
streams that the message names. See what happened at the source; if it is right, run again with `accept_loss`.
"""

from datetime import UTC, datetime

from airflow.sdk import Param, dag, get_current_context, task
from airflow.timetables.trigger import CronTriggerTimetable

from airflow_context import RUN_DATE, SETTINGS, TRY_AGAIN, connection, run_date, warehouse


@task
def prepare() -> None:
    """Make the schemas and tables that are not dbt's."""
    from lifecycle import extract

    extract.prepare(warehouse())


@task(map_index_template="{{ source }}")
def sweep(source: str) -> dict[str, int]:
    """Compare one source with what is known of it."""
    from lifecycle import sweep as room

    context = get_current_context()
    context["source"] = source
    about = SETTINGS.sources()[source]
    at = connection(about.connection)
    accepted = context["params"]["accept_loss"]
    return room.run(warehouse(), source, about, at, SETTINGS.sweeps, run_date(), accept_loss=accepted)


@dag(
    schedule=CronTriggerTimetable(SETTINGS.sweeps.schedule, timezone=SETTINGS.timezone),
    start_date=datetime(2015, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    params={
        "run_date": RUN_DATE,
        "accept_loss": Param(default=False, type="boolean", description="Mark it, however much has vanished"),
    },
    default_args=TRY_AGAIN,
    tags=["lifecycle"],
)
def lifecycle_sweep() -> None:
    """One task per source."""
    prepare() >> sweep.expand(source=list(SETTINGS.sources()))


lifecycle_sweep()
