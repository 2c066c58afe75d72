"""The project as dbt has parsed it: seconds of work, done once for all tests and processes."""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from dbt.cli.main import dbtRunner
from dbt.contracts.graph.manifest import Manifest
from dbt.parser.manifest import extended_mashumaro_encoder, extended_mashumuro_decoder
from dbt.version import __version__

from tests.prepared import once

#: In the place of the database's name, which is all that differs from test to test.
DATABASE = "any_database"
CONNECTION = {f"DBT_{name}" for name in ("HOST", "PORT", "USER", "PASSWORD", "DBNAME", "SSLMODE")}


def parsed(project: Path, variables: Mapping[str, Any]) -> Manifest:
    """The project in a folder, by these variables, for the database that the environment names."""
    lasting = {name: value for name, value in variables.items() if name != "run_date"}
    name = f"dbt-{_hash(project, lasting)}.manifest"
    content = once(name, partial(_parse, project, lasting)).read_bytes()
    manifest = Manifest.from_msgpack(content, decoder=extended_mashumuro_decoder)
    for node in (*manifest.nodes.values(), *manifest.sources.values()):
        node.database = os.environ["DBT_DBNAME"]
        if node.relation_name:
            node.relation_name = node.relation_name.replace(f'"{DATABASE}"', f'"{node.database}"')
    return manifest


def _parse(project: Path, variables: Mapping[str, Any], file: Path) -> None:
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("DBT_DBNAME", DATABASE)
        done = dbtRunner().invoke([
            *("parse", "--project-dir", str(project), "--profiles-dir", str(project), "--quiet"),
            *("--target-path", folder, "--log-path", folder, "--vars", json.dumps(variables)),
        ])  # fmt: skip
    assert done.success, done.exception
    file.write_bytes(done.result.to_msgpack(extended_mashumaro_encoder))


def _hash(project: Path, variables: Mapping[str, Any]) -> str:
    """All that dbt reads when it parses."""
    settings = {
        name: value
        for name, value in os.environ.items()
        if name.startswith(("DBT_", "LIFECYCLE_")) and name not in CONNECTION
    }
    digest = hashlib.sha256(json.dumps([__version__, dict(variables), settings], sort_keys=True).encode())
    for file in sorted(_files(project)):
        digest.update(str(file.relative_to(project)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:32]


def _files(project: Path) -> Iterator[Path]:
    for file in project.rglob("*"):
        if file.is_file() and file.relative_to(project).parts[0] not in {"target", "logs", ".user.yml"}:
            yield file
