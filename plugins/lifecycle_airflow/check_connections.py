"""Try every connection, and every right that a night needs.

One task per source and one for the destination: each fails if something is missing, and its message says what.
Nothing is written anywhere. Run it after you have connected a shop or changed a key.

**Schedule**: none; on request.

**Parameters**: none.

**When it fails**: the failed task's message names the right or the connection that is missing. Nothing has to be
cleaned up; put it right and run the DAG again.
"""

from dataclasses import dataclass
from pathlib import Path

from airflow.sdk import DAG, get_current_context, task

from lifecycle_airflow.context import START, TAGS, Installation


@dataclass(frozen=True)
class Checks:
    """The tasks, each named after what it does."""

    installation: Installation

    def check_source(self, source: str) -> None:
        """Read a little of every stream of one source."""
        from lifecycle import check
        from lifecycle.errors import AccessDenied

        get_current_context()["source"] = source
        source_config = self.installation.settings.sources()[source]
        connection = self.installation.connection(source_config.connection)
        problems = check.source(source, source_config, connection, self.installation.run_date())
        if any(problems.values()):
            raise AccessDenied("\n".join(sentence for sentence in problems.values() if sentence))

    def check_destination(self) -> None:
        """Ask where the lists go whether the key may do what a delivery does."""
        from lifecycle import check
        from lifecycle.errors import AccessDenied

        provider = self.installation.settings.push_to()
        missing = check.destination(provider, self.installation.connection(provider.connection))
        if missing:
            raise AccessDenied(missing)


def build(dag_id: str = "check_connections", *, config: Path | None = None) -> DAG:
    """The DAG, for the marketer's file that ``config`` or ``LIFECYCLE_CONFIG`` names."""
    checks = Checks(Installation.load(config))
    with DAG(dag_id, schedule=None, start_date=START, catchup=False, doc_md=__doc__, tags=TAGS) as dag:
        check_source = task(checks.check_source, map_index_template="{{ source }}")
        check_source.expand(source=list(checks.installation.settings.sources()))
        task(checks.check_destination)()
    return dag
