"""The wheel holds all that Lifecycle needs and nothing else, and works without the checkout."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from demo.airflow_home import ROOT

#: Where the checkout's files lie in the wheel.
FOLDERS = {
    "dbt_project/": "lifecycle/dbt_project/",
    "expectations/": "lifecycle/expectations/",
    "plugins/lifecycle/": "lifecycle/",
    "plugins/lifecycle_airflow/": "lifecycle_airflow/",
    "quiet.env": "lifecycle/quiet.env",
}
#: What an installation does first, beside the checkout's own libraries.
USE = """
import json, os
from datetime import date
from importlib.metadata import entry_points

import lifecycle_airflow
from lifecycle import settings, transform
from lifecycle.page import locales, render
from lifecycle.settings import scenarios
from lifecycle.warehouse import migrations

loaded = settings.load()
os.environ |= transform.environment("postgresql://nobody:nothing@127.0.0.1:1/nowhere")
parsed = transform._invoke(["parse"], transform.variables(loaded, date(2017, 12, 31)))
print(json.dumps({
    "places": [settings.__file__, lifecycle_airflow.__file__, str(settings.DBT_PROJECT), str(settings.EXPECTATIONS)],
    "work": str(settings.work_folder()),
    "audiences": len(loaded.audiences),
    "scenarios": len(scenarios.check(loaded)),
    "migrations": len(list(migrations.FOLDER.glob("*.sql"))),
    "templates": len(render.environment("de").list_templates()),
    "telemetry": settings.quiet_environment()["RUNTIME__DLTHUB_TELEMETRY"],
    "plugins": [point.value for point in entry_points(group="airflow.plugins") if point.name == "lifecycle"],
    "models": len(parsed.result.nodes) if parsed.success else str(parsed.exception),
}))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of the checkout as it stands."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", f"{folder}", f"{ROOT}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    [path] = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What an interpreter finds that has the wheel and no checkout."""
    folder = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    others = {name: value for name, value in os.environ.items() if not name.startswith(("LIFECYCLE", "DBT_"))}
    surroundings = {**others, "PYTHONPATH": f"{folder / 'site'}", "TMPDIR": f"{folder}"}
    command = [sys.executable, "-c", USE]
    done = subprocess.run(command, cwd=folder, env=surroundings, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return {**found, "folder": folder}


def test_the_wheel_holds_every_file_of_the_product_and_no_other(wheel: Path) -> None:
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    files = [name for name in listing.stdout.split("\0") if name and (ROOT / name).exists()]
    expected = {
        place + name.removeprefix(folder)
        for name in files
        for folder, place in FOLDERS.items()
        if name.startswith(folder)
    }
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert packed == expected


def test_code_and_data_are_found_within_the_package(installed: dict[str, Any]) -> None:
    site = installed["folder"] / "site"
    assert [place for place in installed["places"] if not Path(place).is_relative_to(site)] == []
    assert installed["audiences"]
    assert installed["scenarios"]
    assert installed["migrations"] == len(list((ROOT / "plugins" / "lifecycle" / "migrations").glob("*.sql")))
    assert installed["templates"] == len(list((ROOT / "plugins" / "lifecycle" / "page" / "templates").iterdir()))


def test_dbt_reads_the_packaged_project_and_writes_elsewhere(installed: dict[str, Any]) -> None:
    models = len(list((ROOT / "dbt_project" / "models").rglob("*.sql")))
    assert installed["models"] >= models
    assert not (installed["folder"] / "site" / "lifecycle" / "dbt_project" / "target").exists()
    assert not (installed["folder"] / "site" / "lifecycle" / "dbt_project" / "logs").exists()


def test_files_of_the_nights_lie_in_the_temporary_folder_unless_told_otherwise(installed: dict[str, Any]) -> None:
    assert installed["work"] == f"{installed['folder'] / 'lifecycle'}"


def test_airflow_finds_the_page_by_an_entry_point(installed: dict[str, Any]) -> None:
    assert installed["plugins"] == ["lifecycle_airflow.plugin:LifecyclePlugin"]


def test_what_keeps_the_libraries_quiet_is_in_the_package(installed: dict[str, Any]) -> None:
    assert installed["telemetry"] == "false"
