"""Nights in which everything goes wrong, and whether their judge would notice if they ended badly."""

import json
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.chaos import __main__ as chaos
from demo.chaos.seed import Hosts, Result, run
from demo.chaos.simulation import Simulation
from tests.databases import NewDatabase


@pytest.fixture(scope="module")
def hosts() -> Iterator[Hosts]:
    with Hosts() as standing:
        yield standing


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.chaos) for seed in range(2, 12))])
def test_after_the_faults_the_provider_holds_what_the_warehouse_says(
    seed: int, new_database: NewDatabase, hosts: Hosts
) -> None:
    result = run(seed, new_database(), hosts)
    assert result.differences == []
    assert result.suppressed_contacted == 0
    assert result.attempts > 3


def test_a_provider_that_holds_anything_else_is_told_apart(database_url: str) -> None:
    simulation = Simulation(database_url, random.Random(3), is_extracted=False)  # noqa: S311
    members = {email: audiences for email, (audiences, _) in simulation.people.items() if audiences}
    assert {line.split(": ")[0] for line in simulation.differences()} == members.keys()
    somebody = next(email for email, (audiences, _) in simulation.people.items() if not audiences)
    simulation.esp.add_contact(somebody, lists=["Lapsed"])
    assert f"{somebody}: on Lapsed" in simulation.differences()
    simulation.esp.store.run("delete from membership")
    assert "hand1@example.com: by hand, and gone" in simulation.differences()


def test_an_address_that_is_suppressed_and_written_is_counted(database_url: str) -> None:
    simulation = Simulation(database_url, random.Random(3), is_extracted=False)  # noqa: S311
    simulation.suppressed["bounces"] = {"person1@example.com"}
    simulation.reader.written = ["person1@example.com", "person2@example.com"]
    assert (simulation.suppressed_contacted(), simulation.suppressed_contacted()) == (1, 0)


@pytest.mark.parametrize(
    ("result", "code"),
    [
        (Result(7, Counter({"500": 2}), kills=1, attempts=5), 0),
        (Result(7, differences=["one"]), 1),
        (Result(7, suppressed_contacted=1), 1),
    ],
)
def test_the_report_says_whether_all_is_well(
    result: Result, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chaos, "RESULT", tmp_path / "chaos.json")
    assert chaos.report([result, Result(8)]) == code
    written = json.loads((tmp_path / "chaos.json").read_text())
    assert written["seeds"] == 2
    assert written["faults"] == dict(result.faults)
    assert (written["kills"], written["differences"]) == (result.kills, len(result.differences))
    assert written["suppressed_contacted"] == result.suppressed_contacted
