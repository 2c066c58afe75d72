"""Running suites with Great Expectations, without its logs and without its telemetry."""

import logging
import os
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.rows import dict_row

from lifecycle import warehouse
from lifecycle.errors import RetryLater
from lifecycle.quality.results import Result, observed_in, result_of
from lifecycle.quality.suites import Suite

if TYPE_CHECKING:
    from great_expectations.datasource.fluent.postgres_datasource import PostgresDatasource

#: The kind of an error in a traceback; the driver's own comes first. The text behind it could quote the data.
ERRORS = re.compile(r"psycopg\.errors\.(\w+)"), re.compile(r"^(?:\w+\.)*(\w+Error)\b", re.MULTILINE)


def validate(url: str, suites: Iterable[Suite]) -> list[Result]:
    """Check the suites one by one with Great Expectations, on connections of its own."""
    with warehouse.connect(url, autocommit=True) as database:
        _silence()
        import great_expectations as gx
        from great_expectations.data_context.types.base import ProgressBarsConfig

        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = ProgressBarsConfig(globally=False)
        driver_url = re.sub(r"^postgres(ql)?://", "postgresql+psycopg://", url)
        source = context.data_sources.add_postgres(
            name="warehouse", connection_string=driver_url, create_temp_table=True
        )
        try:
            return [result for suite in suites for result in _check(source, database, suite)]
        finally:
            source.get_engine().dispose()


def _silence() -> None:
    """Keep Great Expectations from phoning home, and from logging: its messages quote SQL and data."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    loud = logging.getLogger("great_expectations")
    loud.propagate, loud.handlers = False, [logging.NullHandler()]


def _check(source: "PostgresDatasource", database: warehouse.Connection, suite: Suite) -> list[Result]:
    """Check one suite; if its SQL or an expectation can't be understood, all its checks count as failed.

    Raises ``RetryLater`` if the warehouse goes away meanwhile.
    """
    try:
        outcomes = _outcomes(source, database, suite)
    except Exception as error:  # noqa: BLE001 - whatever it is, a check that can't be made has not passed
        problem = _problem(type(getattr(error, "orig", error)).__name__)
        return [result_of(suite.name, each, success=False, problem=problem) for each in suite.expectations]
    return [_result(suite.name, outcome) for outcome in outcomes]


def _outcomes(source: "PostgresDatasource", database: warehouse.Connection, suite: Suite) -> list[dict[str, Any]]:
    """What Great Expectations finds, one document per expectation; raises whatever its libraries raise."""
    from great_expectations import ExpectationSuite
    from great_expectations.validator.v1_validator import Validator

    query = f"select * from (\n{suite.query}\n) as rows"  # noqa: S608 - our suites; GX takes no "with"
    asset = source.add_query_asset(suite.name, query=query)
    validator = Validator(  # the one behind Batch.validate, which would run the query twice
        asset.add_batch_definition_whole_table("all"),
        result_format={"result_format": "SUMMARY", "exclude_unexpected_values": True},
    )
    report = validator.validate_expectation_suite(
        ExpectationSuite(name=suite.name, expectations=suite.expectations), _parameters(database, suite)
    )
    if len(report.results) != len(suite.expectations):  # it leaves out what it doesn't know
        message = f"{suite.name}: an expectation is not known"
        raise ValueError(message)
    return [outcome.to_json_dict() for outcome in report.results]


def _parameters(database: warehouse.Connection, suite: Suite) -> dict[str, float | None]:
    if suite.parameters is None:
        return {}
    with database.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(suite.parameters.encode()).fetchone() or {}
    return {name: None if value is None else float(value) for name, value in row.items()}


def _result(suite: str, outcome: Mapping[str, Any]) -> Result:
    """One outcome as Great Expectations reports it."""
    info = outcome["exception_info"]  # of the expectation, or one for each metric that it needs
    infos = [info] if "raised_exception" in info else list(info.values())
    text = "\n".join(str(info["exception_traceback"]) for info in infos if info["raised_exception"])
    names = (name for pattern in ERRORS for name in pattern.findall(text))
    return result_of(
        suite,
        outcome["expectation_config"],
        success=outcome["success"],
        problem=_problem(next(names, "unknown")) if text else None,
        observed=observed_in(outcome["result"]),
    )


def _problem(name: str) -> str:
    """An error's kind in words; raises ``RetryLater`` if it is the warehouse that failed, not the check."""
    kind = getattr(psycopg.errors, name, None)
    if isinstance(kind, type) and issubclass(kind, psycopg.OperationalError):
        message = f"the warehouse failed during the checks ({name})"
        raise RetryLater(message) from None
    return f"error: {name}"
