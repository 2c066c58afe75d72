"""The recipes of the documentation are tried as they stand: their files make a package that keeps the contract."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
#: A file of a recipe: its name in a line of its own, then its text.
FILE = re.compile(r"^`([\w./]+)`:\n\n```(?:python|toml)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def installed(recipe: str, folder: Path) -> None:
    """Write a recipe's files, and what an installer would write of their entry points."""
    for name, text in FILE.findall((ROOT / "docs" / recipe).read_text()):
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    metadata = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    groups = project["entry-points"].items()
    lines = [line for group, points in groups for line in (f"[{group}]", *(f"{k} = {v}" for k, v in points.items()))]
    (metadata / "entry_points.txt").write_text("\n".join(lines))


@pytest.mark.parametrize("recipe", ["adding_a_source.md", "adding_a_destination.md"])
def test_a_recipe_that_is_followed_word_for_word_makes_a_connector(recipe: str, tmp_path: Path) -> None:
    installed(recipe, tmp_path)
    paths = os.pathsep.join([str(tmp_path), str(ROOT / "plugins")])
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error::pytest.PytestWarning", "."]
    run = subprocess.run(
        command, cwd=tmp_path, env=os.environ | {"PYTHONPATH": paths}, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-1000:]
    assert re.search(r"\d\d passed", run.stdout)
