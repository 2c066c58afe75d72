"""The catalogue of all DAGs, ``docs/dags.md``, from their docstrings: ``python -m lifecycle_airflow.catalogue``."""

import json
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from airflow.sdk import DAG

from lifecycle_airflow import calibrate, check_connections, detect_deletions, nightly

FACTORIES = (nightly, detect_deletions, check_connections, calibrate)
HEAD = """# DAGs

Made from the DAGs themselves by `make docs`; the schedules are those of the shipped `vars.yml`. Each DAG comes from a
factory in `lifecycle_airflow`, so a team makes its own in three lines: [an Airflow of your own](existing_airflow.md).
"""


def markdown() -> str:
    """The whole catalogue."""
    return "\n".join([HEAD, *(line for factory in FACTORIES for line in _section(factory))])


def _section(factory: ModuleType) -> Iterator[str]:
    dag: DAG = factory.build()
    title, _, text = (factory.__doc__ or "").partition("\n")
    yield f"## {dag.dag_id}\n\n{title}\n{text}"
    yield f"`lifecycle_airflow.{factory.__name__.rpartition('.')[2]}.build()`; schedule: {_schedule(dag)}.\n"
    if dag.params:
        yield "| parameter | default | |\n|---|---|---|"
        defaults = dag.params.dump()
        yield from (f"| `{name}` | `{json.dumps(defaults[name])}` | {_words(dag, name)} |" for name in dag.params)
        yield f"\n```\nairflow dags trigger {dag.dag_id} --conf '{json.dumps(factory.EXAMPLE)}'\n```\n"
    yield "| task | what it does |\n|---|---|"
    yield from (f"| `{task.task_id}` | {_purpose(task)} |" for task in dag.topological_sort())
    yield ""


def _schedule(dag: DAG) -> str:
    return f"`{dag.timetable.summary}` in the shop's time zone" if dag.schedule else "none, on request"


def _words(dag: DAG, name: str) -> str:
    return str(dag.params.get_param(name).description)


def _purpose(task: Any) -> str:
    """The first sentence of a task's text."""
    text = task.doc_md or getattr(task, "python_callable", task).__doc__ or ""
    return str(text).strip().partition("\n")[0].replace("``", "`")


if __name__ == "__main__":
    sys.stdout.write(markdown())
