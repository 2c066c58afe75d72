"""What takes seconds to make and is the same for all who ask: made once, kept in ``build/prepared``, and copied.

A name says all that the thing was made of, so nothing here is ever out of date; the folder may go at any time.
"""

import fcntl
import os
import shutil
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

from demo import airflow_home

FOLDER = Path(__file__).parents[1] / "build" / "prepared"
SETTINGS_OF_OTHERS = ("AIRFLOW", "LIFECYCLE", "DBT_", "COSMOS")


def environment_of_nobody() -> dict[str, str]:
    """The environment without the settings of an Airflow, a dbt or a Lifecycle that somebody has here."""
    return {name: value for name, value in os.environ.items() if not name.startswith(SETTINGS_OF_OTHERS)}


def once(name: str, make: Callable[[Path], object]) -> Path:
    """The file that ``make`` has written; who asks while it is made waits."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    file = FOLDER / name
    with (FOLDER / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not file.exists():
            partial = FOLDER / f"{name}.partial"
            make(partial)
            partial.rename(file)
    return file


def migrate(environment: Mapping[str, str]) -> None:
    """As ``airflow_home.migrate`` for a home with its metadata in SQLite: a copy of a database that is made once."""
    database = once(f"airflow-{version('apache-airflow')}.db", _migrated)
    shutil.copy(database, Path(environment["AIRFLOW_HOME"]) / "airflow.db")


def _migrated(database: Path) -> None:
    with TemporaryDirectory() as home:
        airflow_home.migrate(airflow_home.environment(Path(home), {}))
        shutil.copy(Path(home) / "airflow.db", database)
