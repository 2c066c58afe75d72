"""Loads the DAGs as Airflow does and prints, as JSON, what came of it: ``python -m tests.dag_probe``.

A process of its own, because Airflow reads its environment when it is imported, and changes logging and warnings.
"""

import json
import logging
import os
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

PACKAGES = ("lifecycle", "lifecycle_airflow")
HEAVY = {"dbt", "dlt", "great_expectations", "numpy", "pandas", "scipy"}
RUNS: dict[str, dict[str, Any]] = {
    "the parameter": {"run_date": "2017-12-31", "logical_date": datetime(2018, 3, 1, 8, 30, tzinfo=UTC)},
    "the partition": {"partition_key": "2017-12-30", "logical_date": datetime(2018, 3, 1, 8, 30, tzinfo=UTC)},
    "a plain date": {"logical_date": datetime(2017, 12, 24, tzinfo=UTC)},
    "late in the evening": {"logical_date": datetime(2017, 12, 25, 3, 30, tzinfo=UTC)},
    "no date, before midnight": {"run_after": datetime(2017, 12, 25, 4, 59, tzinfo=UTC)},
    "no date, after midnight": {"run_after": datetime(2017, 12, 25, 5, 0, tzinfo=UTC)},
}
#: As a team writes it; Airflow reads files in which it finds the words "airflow" and "dag".
TEAM_FILE = """from pathlib import Path

from lifecycle_airflow import nightly

dag = nightly.build("our_night", config=Path("{config}"), warehouse="our_warehouse")
"""
SCHEDULED_AFTER = {"winter": (2017, 12, 24), "clocks go back": (2017, 11, 5), "clocks go forward": (2017, 3, 12)}


def scheduled(schedule: Any, day: tuple[int, int, int]) -> dict[str, str]:
    """The first run that the timetable brings from a day's noon on."""
    from airflow.timetables.base import TimeRestriction
    from pendulum import datetime as moment

    limits = TimeRestriction(earliest=moment(*day, 12, tz="UTC"), latest=None, catchup=True)
    info = schedule.next_dagrun_info(last_automated_data_interval=None, restriction=limits)
    return {"run_after": info.run_after.isoformat(), **_covered({"logical_date": info.data_interval.start})}


def _covered(run: dict[str, Any]) -> dict[str, str]:
    from lifecycle_airflow import context

    dag_run = {"logical_date": None, "run_after": None, "partition_key": None, **run}
    current = {"params": {"run_date": run.get("run_date")}, "dag_run": SimpleNamespace(**dag_run)}
    vars(context)["get_current_context"] = lambda: current
    return {"run_date": context.Installation.load().run_date().isoformat()}


def _upstream(dag: Any) -> dict[str, list[str]]:
    return {task.task_id: sorted(task.upstream_task_ids) for task in dag.tasks}


def _approval(nightly: Any) -> dict[str, Any]:
    task = nightly.get_task("approve")
    return {
        "options": task.options,
        "without an answer": task.defaults,
        "hours": task.response_timeout.total_seconds() / 3600,
        "parameters": nightly.params.dump(),
    }


def _report(nightly: Any) -> dict[str, Any]:
    task = nightly.get_task("report")
    links = [link.name for link in task.operator_extra_links]
    return {"teardown": task.is_teardown, "its failure": task.on_failure_fail_dagrun, "links": links}


def _elsewhere() -> dict[str, Any]:
    """What a team's own DAG file gives, which names its connections and its file of settings."""
    from airflow.dag_processing.dagbag import DagBag

    from lifecycle.settings import config_path

    folder = Path(os.environ["AIRFLOW_HOME"], "dags_of_others")
    folder.mkdir()
    config = folder / "shop.yml"
    config.write_text(config_path().read_text().replace("America/New_York", "Europe/Berlin"))
    (folder / "ours.py").write_text(TEAM_FILE.format(config=config))
    bag = DagBag(folder)
    [dag] = bag.dags.values()
    night = dag.get_task("prepare").python_callable.__self__
    return {
        "errors": bag.import_errors,
        "dag": dag.dag_id,
        "warehouse": night.warehouse,
        "zone": night.settings.timezone,
    }


def _documented() -> list[list[str]]:
    """The DAGs of each file that docs/existing_airflow.md shows."""
    from airflow.dag_processing.dagbag import DagBag

    text = Path(__file__).parents[1].joinpath("docs", "existing_airflow.md").read_text(encoding="utf-8")
    result = []
    for number, code in enumerate(re.findall(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)):
        file = Path(os.environ["AIRFLOW_HOME"], f"documented_{number}.py")
        file.write_text(code, encoding="utf-8")
        result.append(sorted(DagBag(file).dags))
    return result


def _without_a_catalogue(nightly: Any) -> str:
    """What the first task after the gate says of a folder in which there is none."""
    from lifecycle.errors import SettingsInvalid
    from lifecycle.settings import scenarios

    vars(scenarios)["SEEDS"] = Path(os.environ["AIRFLOW_HOME"])
    try:
        nightly.get_task("register_rulesets").python_callable()
    except SettingsInvalid as error:
        return str(error)
    return "nothing"


def main() -> None:
    """Print what the DAGs are and what loading it brought in."""
    from airflow import plugins_manager
    from airflow.dag_processing.dagbag import BundleDagBag

    from lifecycle_airflow import catalogue

    logging.disable()
    folder = os.environ["AIRFLOW__CORE__DAGS_FOLDER"]
    bag = BundleDagBag(folder, bundle_path=Path(folder))
    plugins_manager.ensure_plugins_loaded()
    heavy = sorted(HEAVY & {name.split(".")[0] for name in sys.modules})
    packages = (Path(os.environ["AIRFLOW__CORE__PLUGINS_FOLDER"], name) for name in PACKAGES)
    modules = {path.stem for package in packages for path in package.iterdir()}
    executed = sorted(modules & sys.modules.keys() - sys.stdlib_module_names)
    nightly, calibrate, deletions = (
        bag.dags[f"lifecycle_{name}"] for name in ("nightly", "calibrate", "detect_deletions")
    )
    result = {
        "import errors": bag.import_errors,
        "plugin errors": plugins_manager.get_import_errors(),
        "files": sorted(Path(stat.file).name for stat in bag.dagbag_stats),
        "tasks": {name: _upstream(dag) for name, dag in bag.dags.items()},
        "documented": sorted(name for name, dag in bag.dags.items() if dag.doc_md),
        "rules": {task.task_id: task.trigger_rule.value for task in nightly.tasks},
        "on request": {"schedule": calibrate.schedule, "parameters": calibrate.params.dump()},
        "deletions": {
            "schedule": deletions.timetable.summary,
            "zone": str(deletions.timetable.serialize()["timezone"]),
            "parameters": deletions.params.dump(),
        },
        "elsewhere": _elsewhere(),
        "documented files": _documented(),
        "check's schedule": bag.dags["check_connections"].schedule,
        "approval": _approval(nightly),
        "report": _report(nightly),
        "without a catalogue": _without_a_catalogue(nightly),
        "heavy": heavy,
        "catalogue": catalogue.markdown(),
        "executed as plugins": executed,
        "run dates": {name: _covered(run)["run_date"] for name, run in RUNS.items()},
        "scheduled": {name: scheduled(nightly.timetable, day) for name, day in SCHEDULED_AFTER.items()},
    }
    sys.stdout.write("\n" + json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
