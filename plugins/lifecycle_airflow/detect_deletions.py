"""Look for what has been deleted at the shops and at the e-mail provider.

A night reads what changed; of what vanished no source tells. This run lists everything that is there and marks what is
not any more (`is_deleted`); the next night derives the stages without it.

**Schedule**: the marketer's file (`deletions.schedule`, in its time zone).

**Parameters** `accept_loss`: mark it also where more vanished than the file allows. `run_date`: as in
`lifecycle_nightly`.

**When it fails**: more vanished at a source than `deletions` allows, or it could not be read. Nothing was marked in the
streams that the message names. See what happened at the source; if it is right, run again with `accept_loss`.
"""

from dataclasses import dataclass
from pathlib import Path

from airflow.sdk import DAG, Param, get_current_context, task
from airflow.timetables.trigger import CronTriggerTimetable

from lifecycle_airflow.context import RUN_DATE, START, TAGS, TRY_AGAIN, WAREHOUSE, Installation

#: A run's configuration, for the catalogue.
EXAMPLE = {"accept_loss": True}
PARAMETERS = {
    "run_date": RUN_DATE,
    "accept_loss": Param(default=False, type="boolean", description="Mark it, however much has vanished"),
}


@dataclass(frozen=True)
class Deletions:
    """The tasks, each named after what it does."""

    installation: Installation

    def detect_deletions(self, source: str) -> dict[str, int]:
        """Compare one source with what is known of it."""
        from lifecycle import detect_deletions

        context = get_current_context()
        context["source"] = source
        source_config = self.installation.settings.sources()[source]
        return detect_deletions.run(
            self.installation.warehouse_url(),
            source,
            source_config,
            self.installation.connection(source_config.connection),
            self.installation.settings.deletions,
            self.installation.run_date(),
            accept_loss=context["params"]["accept_loss"],
        )


def build(dag_id: str = "lifecycle_detect_deletions", *, config: Path | None = None, warehouse: str = WAREHOUSE) -> DAG:
    """The DAG, for the marketer's file that ``config`` or ``LIFECYCLE_CONFIG`` names.

    ``warehouse`` is the Airflow connection of the login that writes.
    """
    deletions = Deletions(Installation.load(config, warehouse))
    settings = deletions.installation.settings
    with DAG(
        dag_id,
        schedule=CronTriggerTimetable(settings.deletions.schedule, timezone=settings.timezone),
        start_date=START,
        catchup=False,
        max_active_runs=1,
        doc_md=__doc__,
        params=PARAMETERS,
        default_args=TRY_AGAIN,
        tags=TAGS,
    ) as dag:
        detect = task(deletions.detect_deletions, map_index_template="{{ source }}")
        task(deletions.installation.prepare)() >> detect.expand(source=list(settings.sources()))
    return dag
