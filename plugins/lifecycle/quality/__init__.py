"""The gates: run one gate's expectation suites, store every result, stop the night if a critical one failed.

Results tell counts and places. A value of the data never leaves the warehouse: it could be an address.
"""

import json
import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import astuple
from datetime import date
from pathlib import Path
from typing import Any, Literal

from lifecycle import warehouse
from lifecycle.errors import GateFailed
from lifecycle.quality.results import Result, Severity
from lifecycle.quality.suites import suites_of
from lifecycle.quality.validation import validate
from lifecycle.settings import DriftLimits, Settings

Gate = Literal["raw", "marts"]

log = logging.getLogger(__name__)


def run(url: str, gate: Gate, run_date: date, settings: Settings) -> dict[str, int]:
    """Run the suites of a gate and store every result; return how many checks passed, warned and failed.

    Raises ``GateFailed``, after storing, when a critical check failed or a check couldn't be made.
    """
    results = validate(url, suites_of(gate, run_date, settings))
    _store(url, gate, run_date, results)
    counts = _log(gate, results)
    failures = [result.sentence() for result in results if result.outcome == "critical"]
    if failures:
        title = f"gate {gate} of {run_date}: {len(failures)} critical check(s) failed"
        raise GateFailed("\n".join([title, *failures]))
    return counts


def store_dbt(url: str, run_results: Path | Mapping[str, Any], run_date: date, *, whole: bool = True) -> dict[str, int]:
    """Store the outcome of dbt's tests as gate ``dbt``; return how many passed, warned and failed.

    A ``whole`` build replaces what is known of that date; a model that was built again, only its own tests.

    ``run_results`` is dbt's ``run_results.json``, as a path or as read. The manifest beside the path, if any,
    tells which model a test belongs to and how severe it is.
    """
    nodes: dict[str, Any] = {}
    document: Mapping[str, Any]
    if isinstance(run_results, Path):
        manifest = run_results.with_name("manifest.json")
        nodes = json.loads(manifest.read_bytes())["nodes"] if manifest.exists() else {}
        document = json.loads(run_results.read_bytes())
    else:
        document = run_results
    outcomes = [outcome for outcome in document["results"] if _is_made_test(outcome)]
    results = [_dbt_result(outcome, nodes.get(outcome["unique_id"], {})) for outcome in outcomes]
    _store(url, "dbt", run_date, results, whole=whole)
    return _log("dbt", results)


READ_BACK = """
select list_name, greatest(expected, found) as contacts, missing + extra + different as drifted
from $delivery.reconciliation where run_id = %s order by list_name
"""


def check_read_back(url: str, run_id: int, run_date: date, settings: Settings) -> dict[str, int]:
    """Check the share of each list that was not as confirmed when it was read back; return the counts as a gate's.

    Raises ``GateFailed``, after storing, when a list differs by more than the marketer's file allows.
    """
    with warehouse.connect(url) as connection:
        lists = connection.execute(READ_BACK, [run_id]).fetchall()
    results = [_drift(list_name, contacts, drifted, settings.drift) for list_name, contacts, drifted in lists]
    _store(url, "read_back", run_date, results)
    counts = _log("read_back", results)
    if failures := [result.sentence() for result in results if result.outcome == "critical"]:
        title = f"{len(failures)} list(s) differ from what was confirmed; the next night brings them back"
        raise GateFailed("\n".join([title, *failures]))
    return counts


def _drift(list_name: str, contacts: int, drifted: int, limits: DriftLimits) -> Result:
    share = drifted / contacts if contacts >= limits.from_members else 0.0
    critical = limits.critical_share is not None and share > limits.critical_share
    warning = limits.warning_share is not None and share > limits.warning_share
    limit = limits.critical_share if critical else limits.warning_share
    return Result(
        suite=list_name,
        expectation="contacts_as_confirmed",
        column_name=None,
        severity="critical" if critical else "warning",
        success=not (critical or warning),
        observed=f"{drifted} of {contacts} contacts differ",
        threshold=None if limit is None else f"a share of at most {limit:g}",
    )


def _is_made_test(outcome: Mapping[str, Any]) -> bool:
    """A data or unit test that ran; one that was skipped says nothing."""
    return outcome["unique_id"].partition(".")[0] in {"test", "unit_test"} and outcome["status"] != "skipped"


def _dbt_result(outcome: Mapping[str, Any], node: Mapping[str, Any]) -> Result:
    """One dbt test; its id is ``test.<project>.<test>.<hash>`` or ``unit_test.<project>.<model>.<test>``."""
    kind, project, *names = outcome["unique_id"].split(".")
    is_unit_test = kind == "unit_test"
    only_warns = str(node.get("config", {}).get("severity")).lower() == "warn"
    by_status: dict[str, Severity] = {"pass": "warning" if only_warns else "critical", "warn": "warning"}
    failures = outcome.get("failures")
    return Result(
        suite=names[0] if is_unit_test else (node.get("attached_node") or project).rpartition(".")[2],
        expectation=names[1] if is_unit_test else names[0],
        column_name=node.get("column_name"),
        severity=by_status.get(outcome["status"], "critical"),
        success=outcome["status"] == "pass",
        observed=f"{failures} failure(s)" if failures is not None else outcome["status"],
        threshold=None,
    )


def _store(url: str, gate: str, run_date: date, results: list[Result], *, whole: bool = True) -> None:
    """Replace what is known of the gate on that date, or of these checks alone, in one transaction."""
    checks = None if whole else [result.expectation for result in results]
    with warehouse.connect(url) as database, database.cursor() as cursor:
        cursor.execute(
            "delete from $quality.result where run_date = %s and gate = %s"
            " and (%s::text[] is null or expectation = any(%s))",
            [run_date, gate, checks, checks],
        )
        cursor.executemany(
            "insert into $quality.result"
            " (run_date, gate, suite, expectation, column_name, severity, success, observed, threshold)"
            " values (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [(run_date, gate, *astuple(result)) for result in results],
        )


def _log(gate: str, results: list[Result]) -> dict[str, int]:
    """Log the failed checks, and count all of them."""
    for result in results:
        if not result.success:
            log.warning("gate %s, %s: %s", gate, result.severity, result.sentence())
    counts = {"passed": 0, "warning": 0, "critical": 0, **Counter(result.outcome for result in results)}
    log.info("gate %s: %s", gate, counts)
    return counts
