"""dbt for one run date: the marketer's file and the date go in as variables, the warehouse as environment."""

import functools
import json
import logging
import os
import re
import tempfile
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from lifecycle import warehouse
from lifecycle.errors import GateFailed, RetryLater
from lifecycle.settings import DBT_PROJECT, Settings
from lifecycle.settings.environment import schema_prefix

log = logging.getLogger(__name__)


def variables(settings: Settings, run_date: date) -> dict[str, object]:
    """What dbt's models read by ``var()``."""
    return {"lifecycle": settings.model_dump(mode="json"), "run_date": run_date.isoformat()}


def environment(url: str) -> dict[str, str]:
    """The warehouse's URL as the variables that ``profiles.yml`` reads, and what goes before every schema's name."""
    parts = urlsplit(url)
    return {
        "DBT_HOST": parts.hostname or "",
        "DBT_PORT": str(parts.port or 5432),
        "DBT_USER": unquote(parts.username or ""),
        "DBT_PASSWORD": unquote(parts.password or ""),
        "DBT_DBNAME": unquote(parts.path.lstrip("/")),
        "DBT_SSLMODE": parse_qs(parts.query).get("sslmode", ["prefer"])[0],
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "LIFECYCLE_SCHEMA_PREFIX": schema_prefix(),
    }


def target_folder() -> Path:
    """Where dbt leaves its artefacts; a folder that the worker may write."""
    return Path(os.environ.get("LIFECYCLE_WORK") or tempfile.gettempdir()) / f"lifecycle-dbt-{os.getuid()}"


def run(url: str, settings: Settings, run_date: date) -> Path:
    """Build every model and run every data test; return the path of ``run_results.json``.

    One build at a time: raises ``RetryLater`` if another is at it, or if a model could not be built, and ``GateFailed``
    if a test of severity error failed.
    """
    os.environ |= environment(url)
    dbt_vars = variables(settings, run_date)
    with warehouse.only_one(url, "transform"):
        manifest = _parsed(json.dumps(dbt_vars["lifecycle"]), json.dumps(environment(url)))
        result = _invoke(["build", "--exclude-resource-type", "unit_test"], dbt_vars, manifest)
    if result.exception:
        message = f"dbt did not start: {_without_values(str(result.exception))}"
        raise RetryLater(message)
    results = list(result.result) if result.result else []
    _raise_for(results)
    log.info("dbt built or tested %d nodes for %s", len(results), run_date)
    return target_folder() / "run_results.json"


@functools.cache
def _parsed(lifecycle: str, database: str) -> Any:  # noqa: ARG001 - relations are named after the database
    """The project as dbt has parsed it: seconds that a process need not spend twice for the same rules and database."""
    return _invoke(["parse"], {"lifecycle": json.loads(lifecycle)}).result


def _invoke(command: list[str], dbt_vars: dict[str, object], manifest: Any = None) -> Any:
    from dbt.cli.main import dbtRunner

    target = str(target_folder())
    return dbtRunner(manifest=manifest).invoke([
        *command,
        "--project-dir", str(DBT_PROJECT),
        "--profiles-dir", str(DBT_PROJECT),
        "--target-path", target,
        "--log-path", target,
        "--vars", json.dumps(dbt_vars),
        "--log-level", "none",
        "--log-level-file", "none",
        "--no-use-colors",
    ])  # fmt: skip


def _raise_for(results: list[Any]) -> None:
    """Turn dbt's results into our errors, naming nodes; a database's message may hold values, which are left out."""
    broken, failed = [], []
    for result in results:
        node, status = result.node, str(result.status)
        if status in {"error", "runtime error"}:
            broken.append(f"{node.name}: {_without_values(result.message or '')}")
        elif status == "fail":
            failed.append(f"{node.name}: {result.failures} row(s)")
        elif status == "warn":
            log.warning("dbt test %s warns: %s row(s)", node.name, result.failures)
    if broken:
        message = "dbt could not build: " + "; ".join(broken)
        raise RetryLater(message)
    if failed:
        message = "dbt tests failed: " + "; ".join(failed)
        raise GateFailed(message)


def _without_values(text: str) -> str:
    """The first lines of a message with everything quoted or address-like taken out."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and "DETAIL" not in line and "LINE" not in line]
    return re.sub(r"'[^']*'|\"[^\"]*\"|\([^)]*\)=\([^)]*\)|\S+@\S+", "…", " ".join(lines[:3]))[:500]
