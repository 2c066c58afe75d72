"""The DAGs as Airflow loads them: their tasks, what loading brings in, and which day a run is for."""

import json
import subprocess
import sys
from typing import Any

import pytest

from demo import airflow_home
from tests import prepared

DONE = "all_done"


@pytest.fixture(scope="module")
def probed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What ``tests.dag_probe`` saw in an Airflow of its own; this process never imports Airflow."""
    others = prepared.environment_of_nobody()
    surroundings = {**others, **airflow_home.environment(tmp_path_factory.mktemp("airflow"), {})}
    command = [sys.executable, "-m", "tests.dag_probe"]
    done = subprocess.run(command, env=surroundings, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_they_load_without_errors(probed: dict[str, Any]) -> None:
    assert probed["import errors"] == {}
    assert probed["plugin errors"] == {}
    assert probed["files"] == [
        "check_connections.py",
        "lifecycle_calibrate.py",
        "lifecycle_detect_deletions.py",
        "lifecycle_nightly.py",
    ]
    assert [f"{name}.py" for name in probed["documented"]] == probed["files"]


def test_a_wrong_catalogue_of_scenarios_stops_the_night_before_anything_is_derived(probed: dict[str, Any]) -> None:
    assert "cannot be read (No such file or directory)" in probed["without a catalogue"]


def test_the_tasks_stand_in_the_order_of_a_night(probed: dict[str, Any]) -> None:
    assert probed["tasks"]["lifecycle_nightly"] == {
        "prepare": [],
        "extract": ["prepare"],
        "gate_raw": ["extract"],
        "register_rulesets": ["gate_raw"],
        "transform": ["register_rulesets"],
        "gate_marts": ["transform"],
        "resolve_open_jobs": ["gate_marts"],
        "plan": ["gate_raw", "resolve_open_jobs"],
        "route": ["plan"],
        "approve": ["route"],
        "record_approval": ["approve", "plan"],
        "deliver": ["plan", "record_approval", "route"],
        "reconcile": ["deliver", "plan"],
        "publish": ["plan", "reconcile", "record_approval", "route"],
        "report": ["publish"],
    }


def test_only_the_derivation_goes_on_without_a_source(probed: dict[str, Any]) -> None:
    assert {task for task, rule in probed["rules"].items() if rule == DONE} == {"gate_raw", "register_rulesets"}


def test_nothing_is_sent_without_a_plan_that_may_be_sent(probed: dict[str, Any]) -> None:
    assert probed["rules"]["deliver"] == probed["rules"]["publish"] == "none_failed_min_one_success"
    assert probed["approval"] == {
        "options": ["Approve", "Reject"],
        "without an answer": ["Reject"],
        "hours": 12,
        "parameters": {"run_date": None, "dry_run": False, "repair": False, "retry_refused": False, "ask": None},
    }


def test_a_report_is_written_after_failures_too_and_hides_none(probed: dict[str, Any]) -> None:
    assert probed["rules"]["report"] == "all_done_setup_success"
    assert probed["report"] == {"teardown": True, "its failure": False, "links": ["Report of the night"]}


def test_what_is_learnt_is_learnt_on_request_and_each_by_itself(probed: dict[str, Any]) -> None:
    assert probed["tasks"]["lifecycle_calibrate"] == {"freeze_rules": [], "freeze_scores": [], "fit_model": []}
    parameters = {"rulesets": None, "model": "mbg_nbd", "run_date": None}
    assert probed["on request"] == {"schedule": None, "parameters": parameters}


def test_what_vanished_is_looked_for_weekly_and_more_than_allowed_on_request(probed: dict[str, Any]) -> None:
    assert probed["tasks"]["lifecycle_detect_deletions"] == {"prepare": [], "detect_deletions": ["prepare"]}
    assert probed["deletions"] == {
        "schedule": "0 12 * * 0",
        "zone": "America/New_York",
        "parameters": {"run_date": None, "accept_loss": False},
    }


def test_the_catalogue_is_what_the_dags_say_of_themselves(probed: dict[str, Any]) -> None:
    written = (airflow_home.ROOT / "docs" / "dags.md").read_text(encoding="utf-8")
    assert written == probed["catalogue"], "make docs writes it again"


def test_connections_are_checked_on_request(probed: dict[str, Any]) -> None:
    assert probed["tasks"]["check_connections"] == {"check_source": [], "check_destination": []}
    assert probed["check's schedule"] is None


def test_loading_them_imports_nothing_heavy(probed: dict[str, Any]) -> None:
    assert probed["heavy"] == []


def test_a_team_makes_a_night_of_its_own_in_its_own_folder(probed: dict[str, Any]) -> None:
    assert probed["elsewhere"] == {
        "errors": {},
        "dag": "our_night",
        "warehouse": "our_warehouse",
        "zone": "Europe/Berlin",
    }


def test_the_files_that_the_documentation_shows_are_what_airflow_reads(probed: dict[str, Any]) -> None:
    everything, night, _ = probed["documented files"]
    assert everything == [name.removesuffix(".py") for name in probed["files"]]
    assert night == ["lifecycle_nightly"]


def test_airflow_executes_no_module_of_ours_as_a_plugin(probed: dict[str, Any]) -> None:
    assert probed["executed as plugins"] == []


@pytest.mark.parametrize(
    ("run", "day"),
    [
        ("the parameter", "2017-12-31"),
        ("the partition", "2017-12-30"),
        ("a plain date", "2017-12-24"),
        ("late in the evening", "2017-12-24"),
        ("no date, before midnight", "2017-12-23"),
        ("no date, after midnight", "2017-12-24"),
    ],
)
def test_a_run_is_for(probed: dict[str, Any], run: str, day: str) -> None:
    assert probed["run dates"][run] == day


@pytest.mark.parametrize(
    ("season", "run_after", "day"),
    [
        ("winter", "2017-12-25T08:30:00+00:00", "2017-12-24"),
        ("clocks go back", "2017-11-06T08:30:00+00:00", "2017-11-05"),
        ("clocks go forward", "2017-03-13T07:30:00+00:00", "2017-03-12"),
    ],
)
def test_a_scheduled_run_covers_the_day_before(probed: dict[str, Any], season: str, run_after: str, day: str) -> None:
    assert probed["scheduled"][season] == {"run_after": run_after, "run_date": day}
