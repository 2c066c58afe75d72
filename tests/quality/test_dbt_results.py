"""The results of dbt's tests stand beside those of the gates."""

import json
from pathlib import Path
from typing import Any

from lifecycle import quality
from tests.quality.sound import RUN_DATE, rows


def dbt_result(unique_id: str, status: str, failures: int | None = None) -> dict[str, Any]:
    return {"unique_id": unique_id, "status": status, "failures": failures, "message": "someone@example.com"}


DBT_RESULTS = {
    "results": [
        dbt_result("model.lifecycle.persons", "success"),
        dbt_result("test.lifecycle.unique_persons_email.a1", "pass", 0),
        dbt_result("test.lifecycle.money_is_readable.b2", "warn", 3),
        dbt_result("test.lifecycle.orders_have_dates.c3", "fail", 2),
        dbt_result("test.lifecycle.intervals_meet.d4", "error"),
        dbt_result("test.lifecycle.after_a_failure.e5", "skipped"),
        dbt_result("unit_test.lifecycle.stage_intervals.second_purchase", "pass", 0),
    ]
}
DBT_NODES = {
    "test.lifecycle.unique_persons_email.a1": {
        "attached_node": "model.lifecycle.persons",
        "column_name": "email",
        "config": {"severity": "WARN"},
    }
}


def test_dbt_tests_are_stored_beside_the_gates(url: str, tmp_path: Path) -> None:
    (tmp_path / "run_results.json").write_text(json.dumps(DBT_RESULTS))
    (tmp_path / "manifest.json").write_text(json.dumps({"nodes": DBT_NODES}))
    for _ in range(2):
        counts = quality.store_dbt(url, tmp_path / "run_results.json", RUN_DATE)
    assert counts == {"passed": 2, "warning": 1, "critical": 2}
    stored = "select suite, expectation, column_name, severity, success, observed from quality.result order by 2"
    assert rows(url, stored) == [
        ("lifecycle", "intervals_meet", None, "critical", False, "error"),
        ("lifecycle", "money_is_readable", None, "warning", False, "3 failure(s)"),
        ("lifecycle", "orders_have_dates", None, "critical", False, "2 failure(s)"),
        ("stage_intervals", "second_purchase", None, "critical", True, "0 failure(s)"),
        ("persons", "unique_persons_email", "email", "warning", True, "0 failure(s)"),
    ]


def test_dbt_results_can_be_given_as_read(url: str) -> None:
    assert quality.store_dbt(url, DBT_RESULTS, RUN_DATE) == {"passed": 2, "warning": 1, "critical": 2}
