"""The gates: run one gate's expectation suites, store every result, stop the night if a critical one failed.

The suites lie in ``expectations/<gate>/``, one YAML file each, in Great Expectations' own vocabulary. Their
``meta`` adds:

- ``query``: the rows to look at; ``:run_date``, ``:suite`` and the names of ``each`` in it become literals,
  ``$raw.pull`` and the like tables of this installation's schemas
- ``parameters``: a query of one row, whose columns are the suite's ``$PARAMETER``s; null means no limit
- ``each``: run the suite once per ``stream`` (``:source``, ``:stream``, ``:timezone``), per ``audience``
  (``:audience``, ``:holdout_share``), or per source of a kind such as ``woocommerce`` (``:source``,
  ``:timezone``); without it, once

Results tell counts and places. A value of the data never leaves the warehouse: it could be an address.
"""

import json
import logging
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import psycopg
import yaml
from psycopg import sql
from psycopg.rows import dict_row

from lifecycle import warehouse
from lifecycle.errors import GateFailed, RetryLater, SettingsInvalid
from lifecycle.settings import ESP, EXPECTATIONS, Esp, Settings
from lifecycle.sources import ORDERED_AT, STREAMS

if TYPE_CHECKING:
    from great_expectations.datasource.fluent.postgres_datasource import PostgresDatasource

Gate = Literal["raw", "marts"]
Severity = Literal["critical", "warning", "info"]

#: What a limit of an expectation means, in words.
THRESHOLDS = {
    "value": "{}",
    "min_value": "at least {}",
    "max_value": "at most {}",
    "mostly": "a share of {} or more",
    "value_set": "one of {}",
}
#: A longer list of valid values is told by its length.
LONGEST_LIST = 4
#: The kind of an error in a traceback; the driver's own comes first. The text behind it could quote the data.
ERRORS = re.compile(r"psycopg\.errors\.(\w+)"), re.compile(r"^(?:\w+\.)*(\w+Error)\b", re.MULTILINE)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Suite:
    """A suite file, applied to one source, stream or audience; ``query`` and ``parameters`` are plain SQL."""

    name: str
    query: str
    parameters: str | None
    expectations: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Result:
    """One check of one run, as ``quality.result`` has it; no ``threshold``: nothing to compare with."""

    suite: str
    expectation: str
    column_name: str | None
    severity: Severity
    success: bool
    observed: str | None
    threshold: str | None


def run(url: str, gate: Gate, run_date: date, settings: Settings) -> dict[str, int]:
    """Run the suites of a gate and store every result; return how many checks passed, warned and failed.

    Raises ``GateFailed``, after storing, when a critical check failed or a check couldn't be made.
    """
    results = _validate(url, _suites(gate, run_date, settings))
    _store(url, gate, run_date, results)
    counts = _tell(gate, results)
    failures = [_sentence(result) for result in results if _outcome(result) == "critical"]
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
    return _tell("dbt", results)


def _suites(gate: Gate, run_date: date, settings: Settings) -> list[Suite]:
    folder = EXPECTATIONS / gate
    files = sorted(folder.glob("*.yml"))
    if not files:
        message = f"{folder}: holds no suite; a gate without checks would let everything pass"
        raise SettingsInvalid(message)
    return [suite for file in files for suite in _suites_of(file, run_date, settings)]


def _suites_of(file: Path, run_date: date, settings: Settings) -> Iterable[Suite]:
    """The suite of a file, once for each thing that it applies to."""
    suite = yaml.safe_load(file.read_text(encoding="utf-8"))
    try:
        name, meta, expectations = suite["name"], suite["meta"], suite["expectations"]
        query, _ = meta["query"], [(each["type"], each["meta"]["name"]) for each in expectations]
    except (KeyError, TypeError) as error:
        message = f"{file}: give name, meta.query and expectations, each with type and meta.name ({error})"
        raise SettingsInvalid(message) from None
    for place, names in _places(meta.get("each"), settings, file).items():
        full_name = f"{name}/{place}" if place else name
        values = {"run_date": run_date, "suite": full_name, **names}
        parameters = meta.get("parameters")
        yield Suite(full_name, _bind(query, values), _bind(parameters, values) if parameters else None, expectations)


def _places(each: str | None, settings: Settings, file: Path) -> dict[str, dict[str, object]]:
    """What a suite applies to: name → the values of its SQL."""
    sources: dict[str, dict[str, object]] = {
        name: {"source": name, "timezone": settings.timezone if isinstance(source, Esp) else source.timezone}
        for name, source in settings.sources().items()
    }
    if each is None:
        return {"": {}}
    if each == "stream":
        pulls = _expected_pulls(settings)
        return {f"{name}/{stream}": {**sources[name], "stream": stream} for name, stream in pulls}
    if each == "audience":
        shares = {name: audience.holdout_share for name, audience in settings.audiences.items()}
        return {name: {"audience": name, "holdout_share": share} for name, share in shares.items()}
    if each == "shop":
        shops = {name: warehouse.document_table(shop.kind, "orders") for name, shop in settings.shops.items()}
        dates = {name: ORDERED_AT[shop.kind] for name, shop in settings.shops.items()}
        return {name: {**sources[name], "orders": shops[name], "ordered_at": dates[name]} for name in shops}
    if each not in STREAMS:
        message = f"{file}: unknown meta.each '{each}'; valid values: stream, shop, audience, {', '.join(STREAMS)}"
        raise SettingsInvalid(message)
    return {name: sources[name] for name, source in settings.sources().items() if source.kind == each}


def _expected_pulls(settings: Settings) -> list[tuple[str, str]]:
    """Every (source, stream) that a night reads."""
    unwanted = set() if settings.esp.message_activity else {(ESP, "messages")}
    if not settings.esp.campaigns:
        unwanted |= {(ESP, stream) for stream in ("single_sends", "single_send_stats", "automation_stats")}
    unwanted |= {(name, "customers") for name, shop in settings.shops.items() if not shop.has_customers()}
    pulls = [(name, stream) for name, source in settings.sources().items() for stream in STREAMS[source.kind]]
    return [pull for pull in pulls if pull not in unwanted]


def _bind(statement: str, values: Mapping[str, object]) -> str:
    """Put schemas, values and names in SQL where the statement names them; ``::`` and other names stay."""

    def literal(match: re.Match[str]) -> str:
        value = values.get(match[1], sql.SQL(match[0]))
        return (value if isinstance(value, sql.Composable) else sql.Literal(value)).as_string()

    return re.sub(r"(?<![:\w]):([a-z_]+)\b", literal, warehouse.resolved_text(statement))


def _validate(url: str, suites: list[Suite]) -> list[Result]:
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
        return [_result(suite.name, each, success=False, problem=problem) for each in suite.expectations]
    return [_result_of(suite.name, outcome) for outcome in outcomes]


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


def _result_of(suite: str, outcome: Mapping[str, Any]) -> Result:
    """One outcome as Great Expectations tells it."""
    stated = outcome["exception_info"]  # of the expectation, or one for each metric that it needs
    infos = [stated] if "raised_exception" in stated else list(stated.values())
    text = "\n".join(str(info["exception_traceback"]) for info in infos if info["raised_exception"])
    names = (name for pattern in ERRORS for name in pattern.findall(text))
    return _result(
        suite,
        outcome["expectation_config"],
        success=outcome["success"],
        problem=_problem(next(names, "unknown")) if text else None,
        observed=_observed(outcome["result"]),
    )


def _result(
    suite: str,
    expectation: Mapping[str, Any],
    *,
    success: bool,
    problem: str | None,
    observed: str | None = None,
) -> Result:
    """The result of one expectation; one with a ``problem`` couldn't be checked, which is critical."""
    kwargs = expectation.get("kwargs", {})
    return Result(
        suite=suite,
        expectation=expectation["meta"]["name"],
        column_name=kwargs.get("column"),
        severity="critical" if problem else expectation.get("severity", "critical"),
        success=success and not problem,
        observed=problem or observed,
        threshold=_threshold(kwargs),
    )


def _problem(name: str) -> str:
    """An error's kind in words; raises ``RetryLater`` if it is the warehouse that failed, not the check."""
    kind = getattr(psycopg.errors, name, None)
    if isinstance(kind, type) and issubclass(kind, psycopg.OperationalError):
        message = f"the warehouse failed during the checks ({name})"
        raise RetryLater(message) from None
    return f"error: {name}"


def _observed(result: Mapping[str, Any]) -> str | None:
    """A number, or how many of how many are wrong; never a value."""
    value = result.get("observed_value")
    if isinstance(value, int | float):
        return _number(value)
    if "unexpected_count" in result:
        return f"{result['unexpected_count']} of {result['element_count']} unexpected"
    return None


def _threshold(kwargs: Mapping[str, Any]) -> str | None:
    """The limits in words; of a limit that is still a ``$PARAMETER``, the name."""
    stated = {name: kwargs[name] for name in THRESHOLDS if kwargs.get(name) is not None}
    return ", ".join(THRESHOLDS[name].format(_limit(limit)) for name, limit in stated.items()) or None


def _limit(limit: object) -> str:
    if isinstance(limit, Mapping):
        return ", ".join(map(str, limit.values()))
    if isinstance(limit, list):
        return ", ".join(map(_limit, limit)) if len(limit) <= LONGEST_LIST else f"{len(limit)} values"
    return _number(limit) if isinstance(limit, int | float) else str(limit)


def _number(value: float) -> str:
    """At most four decimals, and no exponent, so that SQL can read it back."""
    return str(value).lower() if isinstance(value, bool) else f"{value:.4f}".rstrip("0").rstrip(".")


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


def _outcome(result: Result) -> str:
    return "passed" if result.success else result.severity


def _tell(gate: str, results: list[Result]) -> dict[str, int]:
    """Log the failed checks, and count all of them."""
    for result in results:
        if not result.success:
            log.warning("gate %s, %s: %s", gate, result.severity, _sentence(result))
    counts = {"passed": 0, "warning": 0, "critical": 0, **Counter(map(_outcome, results))}
    log.info("gate %s: %s", gate, counts)
    return counts


def _sentence(result: Result) -> str:
    threshold = f", expected {result.threshold}" if result.threshold else ""
    return f"{result.suite} {result.expectation}: observed {result.observed}{threshold}"
