"""Try every connection, and every right that a night needs.

One task per source and one for the destination: each fails if something is missing, and its message says what.
Nothing is written anywhere. Run it after you have connected a shop or changed a key.
"""

from datetime import UTC, datetime

from airflow.sdk import dag, get_current_context, task

from airflow_context import SETTINGS, connection, run_date


@task(map_index_template="{{ source }}")
def check_source(source: str) -> None:
    """Read a little of every stream of one source."""
    from lifecycle import check
    from lifecycle.errors import AccessDenied

    get_current_context()["source"] = source
    about = SETTINGS.sources()[source]
    missing = check.source(source, about, connection(about.connection), run_date())
    if any(missing.values()):
        raise AccessDenied("\n".join(sentence for sentence in missing.values() if sentence))


@task
def check_destination() -> None:
    """Ask where the lists go whether the key may do what a delivery does."""
    from lifecycle import check
    from lifecycle.errors import AccessDenied

    about = SETTINGS.push_to()
    missing = check.destination(about, connection(about.connection))
    if missing:
        raise AccessDenied(missing)


@dag(
    schedule=None,
    start_date=datetime(2015, 1, 1, tzinfo=UTC),
    catchup=False,
    doc_md=__doc__,
    tags=["lifecycle"],
)
def check_connections() -> None:
    """All of them side by side."""
    check_source.expand(source=list(SETTINGS.sources()))
    check_destination()


check_connections()
