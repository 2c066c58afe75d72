"""The glossary names what is there."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
GLOSSARY = (ROOT / "GLOSSARY.md").read_text()
ROWS = [line for line in GLOSSARY.splitlines() if line.startswith("| ") and not line.startswith("| term ")]


def marts() -> dict[str, set[str]]:
    """Mart → its columns."""
    files = (ROOT / "dbt_project" / "models" / "marts").rglob("*.yml")
    models = [model for file in files for model in yaml.safe_load(file.read_text()).get("models", [])]
    return {model["name"]: {column["name"] for column in model.get("columns", [])} for model in models}


def test_each_term_has_both_languages_a_meaning_and_a_place() -> None:
    assert len(ROWS) > 50
    for row in ROWS:
        english, german, meaning, place = (cell.strip() for cell in row.strip("|").split("|"))
        assert english
        assert german
        assert meaning.endswith(".")
        assert place


def test_marts_and_their_columns_exist() -> None:
    known = marts()
    named = set(re.findall(r"`marts\.(\w+)(?:\.(\w+))?", GLOSSARY))
    assert {mart for mart, _ in named} - set(known) == set()
    assert {(mart, column) for mart, column in named if column and column not in known[mart]} == set()


@pytest.mark.parametrize("seed", sorted(set(re.findall(r"`(seeds/\w+\.csv)`", GLOSSARY))))
def test_seeds_exist(seed: str) -> None:
    assert (ROOT / "dbt_project" / seed).exists()
