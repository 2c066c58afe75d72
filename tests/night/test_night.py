"""Whole nights through the real DAG: against a recount by hand, under faults, without a source, and killed midway.

The first night, over all of the town's history, runs with every change; the marker ``night`` has those that follow it.
"""

import random
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from lifecycle.testing.faults import Fault
from tests.databases import NewDatabase
from tests.night import town
from tests.night.installation import (
    CONTACTS,
    Installation,
    Left,
    Rows,
    asked_for_orders,
    begun_to_resolve,
    half_built,
    sent_contacts,
)
from tests.night.town import BETWEEN, FIRST, SECOND


@dataclass(frozen=True)
class Nights:
    """Two towns of the same people: one whose nights nothing disturbs, and one where everything goes wrong."""

    first: Left
    second: Left
    again: Left
    interrupted_in: list[str]
    first_after_kills: Left
    blind: Left
    second_under_faults: Left


def undisturbed(house: Installation) -> tuple[Left, Left]:
    """The nights after the first."""
    house.change(town.changed(house.scene))
    return house.night(SECOND), house.night(SECOND)


def disturbed(house: Installation) -> tuple[list[str], Left, Left, Left]:
    dice = random.Random(7)  # noqa: S311 - reproducible moments to kill at, no secret
    moments = [
        (asked_for_orders, dice.uniform(0, 0.5)),
        (half_built, dice.uniform(0, 1)),
        (sent_contacts, dice.uniform(0, 1)),
        (begun_to_resolve, dice.uniform(0, 0.3)),
    ]
    in_the_middle = Fault("429", path="/marketing/contacts$", method="PUT", after=2, retry_after=3)
    house.esp.faults.add(in_the_middle)
    interrupted_in = [house.killed_night(FIRST, is_time, pause) for is_time, pause in moments]
    first = house.night(FIRST)
    house.shops["zurich"].faults.add(Fault("not_json", path="/orders", times=None))
    blind = house.night(BETWEEN, without="zurich")
    house.shops["zurich"].faults.clear()
    house.change(town.changed(house.scene))
    house.shops["newyork"].faults.add(Fault("500", path="/orders", times=2), Fault("reset_mid_body", path="/customers"))
    house.shops["zurich"].faults.add(Fault("429", path="/orders", retry_after=1))
    house.esp.faults.add(
        Fault("429", path="/suppression/", retry_after=1, style="reset_epoch"),
        Fault("503", path="/marketing/contacts$", method="PUT", performed=True),
        Fault("500", path="/lists/.*/contacts", method="DELETE"),
    )
    return interrupted_in, first, blind, house.night(SECOND)


@pytest.fixture(scope="module")
def calm(new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with Installation(town.town(), new_database(), tmp_path_factory.mktemp("calm")).open() as house:
        yield house


@pytest.fixture(scope="module")
def first(calm: Installation) -> Left:
    return calm.night(FIRST)


@pytest.fixture(scope="module")
def nights(
    calm: Installation, first: Left, new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory
) -> Nights:
    """All nights of this file, the two towns beside each other."""
    troubled = Installation(town.town(), new_database(), tmp_path_factory.mktemp("troubled"))
    with troubled.open(), ThreadPoolExecutor(2) as pool:
        of_calm, of_troubled = pool.submit(undisturbed, calm), pool.submit(disturbed, troubled)
        second, again = of_calm.result()
        return Nights(first, second, again, *of_troubled.result())


@pytest.fixture
def night(request: pytest.FixtureRequest) -> Left:
    """The night that the parameter names; the first one needs no other."""
    if request.param == "first":
        left: Left = request.getfixturevalue("first")
    else:
        left = getattr(request.getfixturevalue("nights"), request.param)
    return left


def on(*names: str) -> pytest.MarkDecorator:
    """Runs a test on each of these nights."""
    nights = [pytest.param(name, marks=() if name == "first" else pytest.mark.night) for name in names]
    return pytest.mark.parametrize("night", nights, indirect=True)


def _by_person(rows: Rows, *columns: str) -> dict[UUID, Any]:
    return {row["person_id"]: tuple(row[column] for column in columns) for row in rows}


def but_for_corrections(marts: dict[str, Rows]) -> dict[str, Rows]:
    """Without what the blind night in between makes a late finding: its day was computed without one shop."""
    late = {"stage_transitions": ("cause", "corrected_on"), "customers": ("is_late_entry",)}
    return {
        name: [{column: value for column, value in row.items() if column not in late.get(name, ())} for row in rows]
        for name, rows in marts.items()
    }


@on("first", "second", "again", "first_after_kills", "second_under_faults")
def test_undisturbed_nights_succeed(night: Left) -> None:
    assert night.returncode == 0, night.log[-3000:]


@on("first", "second", "blind")
def test_persons_purchases_and_orders_of_nobody_are_those_of_the_recount(night: Left) -> None:
    people, unassigned = town.recount(night.scene, night.run_date)
    assert unassigned
    assert {row["order_id"] for row in night.marts["unassigned_orders"]} == unassigned
    assert _by_person(night.marts["persons"], "email", "first_seen_on") == {
        key: (who.email, who.first_seen_on) for key, who in people.items()
    }
    built = {
        (row["person_id"], row["shop"], row["business_day"]): (row["orders"], row["net"])
        for row in night.marts["purchase_days"]
    }
    assert built == {
        (key, *day): (len(sums), sum(sums, Decimal(0))) for key, who in people.items() for day, sums in who.days.items()
    }


@on("first", "second", "blind")
def test_everybody_is_in_the_stage_of_the_recount_on_every_day(night: Left) -> None:
    people, until = night.on_run_date(), night.run_date + timedelta(days=town.LOST + 5)
    built: dict[UUID, dict[date, str]] = {key: {} for key in people}
    for row in night.marts["stage_intervals"]:
        end = row["valid_to"] or until + timedelta(days=1)
        for number in range((end - row["valid_from"]).days):
            built[row["person_id"]][row["valid_from"] + timedelta(days=number)] = row["stage"]
    assert built == {key: who.history(until) for key, who in people.items()}
    stages = {key: stage for key, (stage,) in _by_person(night.marts["customers"], "stage").items()}
    assert stages == {key: who.stage(night.run_date) for key, who in people.items()}


@on("first", "second", "blind")
def test_transitions_and_daily_counts_are_those_of_the_recount(night: Left) -> None:
    heads: Counter[tuple[date, str]] = Counter()
    moves = set()
    for key, who in night.on_run_date().items():
        before: str | None = None
        for day, stage in who.history(night.run_date).items():
            heads[day, stage] += 1
            if stage != before:
                moves.add((key, before, stage, day))
            before = stage
    columns = ("person_id", "from_stage", "to_stage", "occurred_on")
    rows = [tuple(row[column] for column in columns) for row in night.marts["stage_transitions"]]
    assert {row for row in rows if row[3] <= night.run_date} == moves
    counts = {(row["day"], row["stage"]): row["persons"] for row in night.marts["stage_daily"] if row["persons"]}
    assert counts == heads


@on("first", "second")
def test_audiences_and_the_providers_lists_hold_exactly_those_of_the_recount(night: Left, first: Left) -> None:
    people = night.on_run_date()
    before = [] if night is first else [(first.on_run_date(), FIRST)]
    expected = set(town.members(night.scene, people, night.run_date, *before))
    built = {(row["audience"], row["person_id"], row["is_holdout"]) for row in night.marts["audience_members"]}
    assert built == expected
    assert {audience for audience, _, _ in expected} == set(town.AUDIENCES)
    wanted: dict[str, set[str | None]] = {rule["list"]: set() for rule in town.AUDIENCES.values()}
    for audience, key, is_held_out in expected:
        if not is_held_out and people[key].email not in town.WRONG:
            wanted[town.AUDIENCES[audience]["list"]].add(people[key].email)
    wanted["Town: regulars"].add("by-hand@example.com")
    assert night.on_lists == wanted


@on("first", "second")
def test_contacts_carry_the_stage_and_the_orders_of_the_recount(night: Left) -> None:
    people = {who.email: who for who in night.on_run_date().values()}
    for email in set().union(*night.on_lists.values()) - {"by-hand@example.com"}:
        fields = night.held[email][0]
        assert fields["lifecycle_stage"] == people[email].stage(night.run_date)
        assert fields["lifecycle_orders"] == people[email].orders
        assert fields["lifecycle_contactable"] == "contactable"


@on("first", "second", "second_under_faults")
def test_nobody_suppressed_is_on_a_list(night: Left) -> None:
    suppressed = {email.lower() for _, email, _ in night.scene.suppressions}
    assert not suppressed & set().union(*night.on_lists.values())


@pytest.mark.night
def test_who_unsubscribes_leaves_all_lists(nights: Nights) -> None:
    new = {email for _, email, _ in nights.second.scene.suppressions[-3:]}
    assert new <= set().union(*nights.first.on_lists.values())
    assert not new & set().union(*nights.second.on_lists.values())


@on("first", "second", "second_under_faults")
def test_addresses_that_the_provider_refuses_are_quarantined_with_its_message(night: Left) -> None:
    assert night.rejected == {(email, f"email '{email}' is not valid") for email in town.WRONG}


@pytest.mark.night
def test_the_same_night_again_writes_nothing_and_changes_nothing(nights: Nights) -> None:
    assert nights.second.written[CONTACTS]
    assert nights.again.written == {}
    assert nights.again.held == nights.second.held
    assert nights.again.marts == nights.second.marts


@pytest.mark.night
def test_a_night_killed_in_every_part_ends_like_an_undisturbed_one(nights: Nights) -> None:
    assert nights.interrupted_in[:3] == ["extract", "transform", "deliver"]
    assert nights.interrupted_in[3] in {"resolve_open_jobs", "plan", "deliver"}
    assert nights.first_after_kills.marts == nights.first.marts
    assert nights.first_after_kills.held == nights.first.held
    assert nights.first_after_kills.rejected == nights.first.rejected


@pytest.mark.night
def test_without_one_source_the_stages_are_derived_and_nothing_is_sent(nights: Nights) -> None:
    assert nights.blind.returncode
    assert "zurich, stream orders, page 1: " in nights.blind.log
    assert nights.blind.written == {}
    assert nights.blind.held == nights.first_after_kills.held
    assert nights.blind.marts["customers"][0]["as_of"] == BETWEEN


@pytest.mark.night
def test_the_night_after_goes_on_and_faults_of_the_others_change_nothing(nights: Nights) -> None:
    assert but_for_corrections(nights.second_under_faults.marts) == but_for_corrections(nights.second.marts)
    assert nights.second_under_faults.held == nights.second.held


@on("first", "second", "second_under_faults")
def test_every_request_to_the_provider_fits_its_contract(night: Left) -> None:
    assert night.unfit == []


@on("first", "second", "blind", "second_under_faults")
def test_no_log_holds_an_address(night: Left) -> None:
    everybody = town.recount(town.changed(town.town()), SECOND)[0]
    addresses = {who.email for who in everybody.values() if who.email and "@example.com" in who.email}
    assert not [address for address in addresses if address in night.log]
