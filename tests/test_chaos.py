"""Nights in which everything goes wrong, and whether their judge would notice if they ended badly."""

import json
import os
import random
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest
import requests

from demo import postgres
from demo.chaos import __main__ as chaos
from demo.chaos import invariants
from demo.chaos.seed import Result, run_on_own_server
from demo.chaos.server import Server
from demo.chaos.simulation import FOREIGN, Simulation
from demo.chaos.trouble import Trouble
from lifecycle.testing.server import running

FOLDER = Path("build") / f"test-chaos-{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    yield FOLDER
    for home in FOLDER.glob("*/postgres"):
        postgres.remove(home)


@pytest.fixture
def simulation(database_url: str) -> Simulation:
    return Simulation(database_url, random.Random(3), is_extracted=False)  # noqa: S311 - the same every time


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.chaos) for seed in range(2, 12))])
def test_after_the_faults_the_provider_holds_what_the_warehouse_says(seed: int, folder: Path) -> None:
    result = run_on_own_server(folder, seed)
    assert result.differences == []
    assert (result.suppressed_contacted, result.findable_refused, result.foreign_touched) == (0, 0, 0)
    assert result.nights > 8


def somebody(simulation: Simulation, *, is_held_out: bool = False) -> str:
    return next(
        email for email, person in simulation.people.items() if person.audiences and person.is_held_out == is_held_out
    )


def test_a_provider_that_holds_anything_else_is_told_apart(simulation: Simulation) -> None:
    members = {email for name in simulation.names for email in invariants.wanted_members(simulation, name)}
    assert {line.split(": ")[0] for line in invariants.differences(simulation)} == members
    email = somebody(simulation)
    simulation.withdraw(email)
    simulation.esp.add_contact(email, lists=["Lapsed"])
    simulation.put_by_hand.add(("Lapsed", email))
    assert f"{email}: on Lapsed" in invariants.differences(simulation)


def test_people_who_are_held_out_belong_nowhere(simulation: Simulation) -> None:
    email = somebody(simulation, is_held_out=True)
    assert not any(email in invariants.wanted_members(simulation, name) for name in simulation.names)
    assert invariants.wanted_fields(simulation.people[email]) == {"lifecycle_contactable": "held out"}


@pytest.mark.parametrize("is_held_out", [True, False])
def test_whoever_may_not_be_written_to_and_is_found_by_a_segment_is_counted(
    simulation: Simulation, *, is_held_out: bool
) -> None:
    email = somebody(simulation, is_held_out=is_held_out)
    if not is_held_out:
        simulation.suppress(email)
    simulation.esp.add_contact(email)
    field = simulation.esp.add_field("lifecycle_stage", "Text")
    simulation.esp.store.run("update contact set custom = json_object(?, 'stage 1') where email = ?", (field, email))
    assert invariants.findable(simulation) == [f"{email}: found by their stage"]


def test_a_membership_of_others_that_is_touched_is_counted(simulation: Simulation) -> None:
    assert invariants.foreign(simulation) == []
    simulation.esp.leave_list("VIP", "hand1@example.com")
    simulation.esp.add_contact("new@example.com", lists=[FOREIGN])
    assert invariants.foreign(simulation) == [
        "hand1@example.com on VIP: not ours, and touched",
        "new@example.com: not ours, and touched",
    ]


def test_an_address_that_is_contacted_although_it_is_known_to_be_suppressed_is_counted(simulation: Simulation) -> None:
    email = somebody(simulation)
    key = simulation.esp.add_list("VIP")
    simulation.esp.suppress("bounces", email, datetime(2017, 12, 2, tzinfo=UTC))
    with running(simulation.watch) as address:
        headers = {"Authorization": "Bearer SG.demo"}
        body = orjson.dumps({"list_ids": [key], "contacts": [{"email": email}]})
        for path in ("/v3/marketing/contacts", "/v3/suppression/bounces", "/v3/marketing/contacts"):
            method, data = ("GET", None) if "suppression" in path else ("PUT", body)
            requests.request(method, address + path, headers=headers, data=data, timeout=5).raise_for_status()
    assert (simulation.watch.written, simulation.watch.contacted) == ([email, email], [email])


def test_a_warehouse_is_taken_back_to_its_backup(folder: Path) -> None:
    home = folder / "backup" / "postgres"
    postgres.start(home)
    server = Server(home, "kept")
    server.create()
    simulation = Simulation(server.url, random.Random(1), is_extracted=False)  # noqa: S311
    server.keep()
    trouble = Trouble(simulation)
    trouble.fill_disk()
    server.restart("immediate")
    trouble.free_disk()
    simulation.query("insert into delivery.account (destination, is_current) values ('sendgrid', true)")
    server.restore()
    assert simulation.query("select * from delivery.account") == []


@pytest.mark.parametrize(
    ("result", "code"),
    [
        (Result(7, Counter({"500": 2, "503": 0}), kills=1, nights=5), 0),
        (Result(7, differences=["one"]), 1),
        (Result(7, suppressed_contacted=1), 1),
        (Result(7, findable_refused=1), 1),
        (Result(7, foreign_touched=1), 1),
    ],
)
def test_the_report_says_whether_all_is_well(
    result: Result, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chaos, "RESULT", tmp_path / "chaos.json")
    assert chaos.report([result, Result(8)]) == code
    written = json.loads((tmp_path / "chaos.json").read_text())
    assert written["seeds"] == 2
    assert written["faults"] == {kind: count for kind, count in result.faults.items() if count}
    assert (written["nights"], written["kills"]) == (result.nights, result.kills)
    assert written["differences"] == len(result.differences)
    for name in chaos.NEVER:
        assert written[name] == getattr(result, name)
