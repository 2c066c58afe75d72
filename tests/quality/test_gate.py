"""What a gate makes of a suite: which failure stops the night, what is stored, and what cannot be checked."""

import traceback
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from lifecycle import quality
from lifecycle.errors import GateFailed, RetryLater, SettingsInvalid
from tests.quality.sound import RUN_DATE, SETTINGS, rows, run


def write(suites: Path, query: str, *expectations: dict[str, Any], **meta: str) -> None:
    named = [{**each, "meta": {"name": f"check {number}"}} for number, each in enumerate(expectations)]
    suite = {"name": "own", "meta": {"query": query, **meta}, "expectations": named}
    (suites / "marts" / "own.yml").write_text(yaml.safe_dump(suite))


def at_most(limit: object, severity: str = "critical") -> dict[str, Any]:
    kwargs = {"column": "n", "max_value": limit}
    return {"type": "expect_column_max_to_be_between", "kwargs": kwargs, "severity": severity}


def test_only_a_critical_failure_stops_the_night(url: str, suites: Path) -> None:
    write(suites, "select 7 as n", at_most(6, "warning"), at_most(8))
    assert run(url, "marts") == {"passed": 1, "warning": 1, "critical": 0}
    write(suites, "select 7 as n", at_most(6, "warning"), at_most(5))
    with pytest.raises(
        GateFailed,
        match=r"gate marts of 2017-12-31: 1 critical.*\nown check 1: observed 7, expected at most 5$",
    ):
        run(url, "marts")


def test_results_are_stored_before_the_night_stops_and_replaced_by_a_repeat(url: str, suites: Path) -> None:
    stored = "select run_date, gate, suite, expectation, column_name, severity, success, observed, threshold"
    write(suites, "select 7.5 as n", at_most(5))
    for _ in range(2):
        with pytest.raises(GateFailed):
            run(url, "marts")
    failed = (RUN_DATE, "marts", "own", "check 0", "n", "critical", False, "7.5", "at most 5")
    assert rows(url, f"{stored} from quality.result") == [failed]
    write(suites, "select 1234567 as n", at_most(2_000_000))
    quality.run(url, "marts", date(2018, 1, 1), SETTINGS)
    passed = (
        date(2018, 1, 1),
        "marts",
        "own",
        "check 0",
        "n",
        "critical",
        True,
        "1234567",
        "at most 2000000",
    )
    assert rows(url, f"{stored} from quality.result order by 1") == [failed, passed]


def test_a_threshold_comes_from_a_query_and_null_means_no_limit(url: str, suites: Path) -> None:
    limits = "select 6 as low, null as none from (values (:run_date)) as nights (night) where night = '2017-12-31'"
    expectations = at_most({"$PARAMETER": "low"}, "warning"), at_most({"$PARAMETER": "none"})
    write(suites, "select 7 as n", *expectations, parameters=limits)
    assert run(url, "marts") == {"passed": 1, "warning": 1, "critical": 0}
    assert rows(url, "select threshold from quality.result order by expectation") == [("at most 6",), (None,)]


LEAK = "select email::date as n from marts.persons"
UNEXPECTED_LEAK = {
    "type": "unexpected_rows_expectation",
    "kwargs": {"unexpected_rows_query": "select * from {batch} where email::date is null"},
    "severity": "warning",
}


@pytest.mark.parametrize(
    ("query", "expectation", "parameters", "error"),
    [
        pytest.param("select nonsense", at_most(5, "warning"), "select 1 as n", "UndefinedColumn", id="query"),
        pytest.param("select 1 as n", at_most(5, "warning"), "select from nowhere", "UndefinedTable", id="parameters"),
        pytest.param(
            "select 1 as n",
            at_most({"$PARAMETER": "unknown"}),
            "select 1 as n",
            "SuiteParameterError",
            id="parameter",
        ),
        pytest.param(
            "select 1 as m",
            at_most(5, "warning"),
            "select 1 as n",
            "InvalidMetricAccessorDomainKwargsKeyError",
            id="column",
        ),
        pytest.param(LEAK, at_most(5, "warning"), "select 1 as n", "InvalidDatetimeFormat", id="data-in-query"),
        pytest.param("select 1 as n", at_most(5, "warning"), LEAK, "InvalidDatetimeFormat", id="data-in-parameters"),
        pytest.param(
            "select email from marts.persons",
            UNEXPECTED_LEAK,
            "select 1 as n",
            "InvalidDatetimeFormat",
            id="data",
        ),
        pytest.param(
            "select 1 as n",
            {"type": "expect_nonsense", "kwargs": {}},
            "select 1 as n",
            "ValueError",
            id="expectation",
        ),
        pytest.param(
            "select 1 as n",
            {"type": "expect_column_max_to_be_between", "kwargs": {"nonsense": 1}},
            "select 1 as n",
            "ValidationError",
            id="arguments",
        ),
    ],
)
def test_a_check_that_cannot_be_made_is_critical_and_quotes_no_data(
    url: str,
    suites: Path,
    output: Callable[[], str],
    query: str,
    expectation: dict[str, Any],
    parameters: str,
    error: str,
) -> None:
    write(suites, query, expectation, parameters=parameters)
    with pytest.raises(GateFailed, match=error) as caught:
        run(url, "marts")
    assert rows(url, "select severity, success, observed from quality.result") == [
        ("critical", False, f"error: {error}")
    ]
    assert "@" not in "".join([*traceback.format_exception(caught.value), output()])


def test_an_address_in_a_result_is_only_counted(url: str, suites: Path, output: Callable[[], str]) -> None:
    in_set = {"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "email", "value_set": ["x"]}}
    common = {"type": "expect_column_most_common_value_to_be_in_set", "kwargs": in_set["kwargs"]}
    unexpected = {
        "type": "unexpected_rows_expectation",
        "kwargs": {"unexpected_rows_query": "select * from {batch}"},
    }
    write(suites, "select email from marts.persons", in_set, common, unexpected)
    with pytest.raises(GateFailed) as caught:
        run(url, "marts")
    stored = rows(url, "select observed from quality.result order by expectation")
    assert stored == [("1200 of 1200 unexpected",), (None,), ("1200",)]
    assert "@" not in f"{caught.value} {output()}"


def test_a_warehouse_that_goes_away_is_no_failed_check(url: str, suites: Path) -> None:
    write(suites, "select pg_terminate_backend(pg_backend_pid())::integer as n", at_most(5))
    with pytest.raises(RetryLater):
        run(url, "marts")
    assert rows(url, "select count(*) from quality.result") == [(0,)]


def test_a_gate_without_suites_is_an_error(url: str, suites: Path) -> None:
    with pytest.raises(SettingsInvalid, match="holds no suite"):
        run(url, "marts")


def test_an_unknown_each_is_an_error_that_lists_the_valid_ones(url: str, suites: Path) -> None:
    write(suites, "select 1 as n", at_most(5), each="woocomerce")
    with pytest.raises(SettingsInvalid, match="valid values: stream, shop, provider, audience, woocommerce"):
        run(url, "marts")


def test_a_suite_without_names_is_an_error_that_says_so(url: str, suites: Path) -> None:
    (suites / "marts" / "own.yml").write_text("{name: own, meta: {query: select 1}, expectations: [{type: x}]}")
    with pytest.raises(SettingsInvalid, match=r"own\.yml: give name.*'meta'"):
        run(url, "marts")
