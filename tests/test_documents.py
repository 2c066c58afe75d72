"""What the documents point to is there."""

import re
import subprocess
from pathlib import Path

import pytest

from demo.airflow_home import ROOT

LISTED = subprocess.run(
    ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
    cwd=ROOT,
    capture_output=True,
    text=True,
    check=True,
)
DOCUMENTS = sorted(name for name in LISTED.stdout.split("\0") if name.endswith(".md") and (ROOT / name).exists())
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")
#: A path in the recipes: with a folder, and without a place for a name of one's own.
RECIPE_PATH = re.compile(r"(?:plugins|dbt_project|tests|docs|demo|dags)/[\w./]+")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_link_leads_to_a_file(name: str) -> None:
    document = ROOT / name
    links = LINK.findall(document.read_text(encoding="utf-8"))
    assert not [link for link in links if not (document.parent / link).exists()]


def test_every_file_and_test_that_a_recipe_names_is_there() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    recipes = re.sub(r"[\w./]*<[^>]*>[\w./]*", "", text)
    assert not [path for path in RECIPE_PATH.findall(recipes) if not (ROOT / path.rstrip(".")).exists()]


def test_every_variable_that_the_package_reads_is_explained() -> None:
    read = {
        name
        for folder in ("lifecycle", "lifecycle_airflow")
        for module in Path(ROOT, "plugins", folder).rglob("*.py")
        for name in re.findall(r'"(LIFECYCLE_[A-Z_]+)"', module.read_text(encoding="utf-8"))
    }
    explained = "".join(
        (ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("existing_airflow.md", "sources/sendgrid.md")
    )
    assert not {name for name in read if f"`{name}`" not in explained and f"{name}=" not in explained}
