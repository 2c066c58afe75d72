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

from lifecycle import settings
from lifecycle.settings import DBT_PROJECT
from tests.prepared import once

#: In the place of the database's name, which is all that differs from test to test.
DATABASE = "any_database"
CONNECTION = {
    "DBT_HOST": "127.0.0.1",
    "DBT_PORT": "5432",
    "DBT_USER": "anybody",
    "DBT_PASSWORD": "any",
    "DBT_DBNAME": DATABASE,
    "DBT_SSLMODE": "prefer",
}


def parsed(project: Path, variables: Mapping[str, Any]) -> Manifest:
    """The project in a folder, for these variables and the database that the environment names."""
    content = _file(project, parsed_by(variables)).read_bytes()
    manifest = Manifest.from_msgpack(content, decoder=extended_mashumuro_decoder)
    for node in (*manifest.nodes.values(), *manifest.sources.values()):
        node.database = os.environ["DBT_DBNAME"]
        if node.relation_name:
            node.relation_name = node.relation_name.replace(f'"{DATABASE}"', f'"{node.database}"')
    return manifest


def parsed_by(variables: Mapping[str, Any]) -> dict[str, Any]:
    """The variables as far as parsing goes by them: which kinds of sources are connected.

    All else is read when a model is built. It is as shipped here, so that each model refers to all it may refer to;
    dbt refuses to build a model that refers to more.
    """
    lifecycle = variables["lifecycle"]
    providers = (lifecycle["esp"], *lifecycle["additional_esps"].values())
    connected = {
        "shops": {shop["kind"]: {"kind": shop["kind"]} for shop in lifecycle["shops"].values()},
        "esp": {},
        "additional_esps": {provider["kind"]: {"kind": provider["kind"]} for provider in providers},
    }
    return {"lifecycle": {**settings.load(DBT_PROJECT / "vars.yml").model_dump(mode="json"), **connected}}


def _file(project: Path, variables: dict[str, Any]) -> Path:
    return once(f"dbt-{_hash(project, variables)}.manifest", partial(_parse, project, variables))


def _parse(project: Path, variables: dict[str, Any], file: Path) -> None:
    file.write_bytes(
        parse(project, variables, *_of_the_shipped(project, variables)).to_msgpack(extended_mashumaro_encoder)
    )


def parse(project: Path, variables: Mapping[str, Any], *options: str) -> Manifest:
    """What dbt makes of a project, for any database."""
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        for name, value in CONNECTION.items():
            patch.setenv(name, value)
        done = dbtRunner().invoke([
            *("parse", "--project-dir", str(project), "--profiles-dir", str(project), "--quiet", *options),
            *("--target-path", folder, "--log-path", folder, "--vars", json.dumps(variables)),
        ])  # fmt: skip
    assert done.success, done.exception
    manifest: Manifest = done.result
    return manifest


def _of_the_shipped(project: Path, variables: dict[str, Any]) -> list[str]:
    """Of a project that differs from the shipped one, only what differs is parsed, as night after night."""
    connected = {*variables["lifecycle"]["shops"], *variables["lifecycle"]["additional_esps"]}
    shipped = {folder.name for folder in (DBT_PROJECT / "models" / "staging").iterdir()}
    if not connected <= shipped or _hash(project, variables) == _hash(DBT_PROJECT, variables):
        return []
    return ["--partial-parse-file-path", str(_file(DBT_PROJECT, variables))]


def _hash(project: Path, variables: dict[str, Any]) -> str:
    """All that dbt reads when it parses; seeds are read when they are built."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if name.startswith(("DBT_", "LIFECYCLE_")) and name not in CONNECTION
    }
    digest = hashlib.sha256(json.dumps([__version__, variables, environment], sort_keys=True).encode())
    for file in sorted(_files(project)):
        digest.update(str(file.relative_to(project)).encode() + b"\0")
        if file.suffix != ".csv":
            digest.update(file.read_bytes())
    return digest.hexdigest()[:32]


def _files(project: Path) -> Iterator[Path]:
    for file in project.rglob("*"):
        if file.is_file() and file.relative_to(project).parts[0] not in {"target", "logs", ".user.yml"}:
            yield file
