"""Reading back: who is missing on the provider's lists, and who is there besides."""

from collections.abc import Iterator

import pytest

from lifecycle import reconcile
from lifecycle.errors import RetryLater
from tests.world import Person, World

FIGURES = "select list_name, expected, found, missing, extra from delivery.reconciliation order by list_name"
ADA, BEN, EVE = "ada@example.com", "ben@example.com", "eve@example.com"


def delivered(world: World, *people: Person) -> int:
    world.want(*people)
    run_id = world.plan()
    world.deliver(run_id)
    return run_id


def test_lists_that_hold_what_was_confirmed_have_no_drift(world: World) -> None:
    run_id = delivered(world, Person(ADA, ["vip"]), Person(BEN, ["vip", "lapsed"]))
    totals = reconcile.run(world.url, world.destination(), run_id, ["VIP", "Lapsed", "At risk"])
    assert totals == {"missing": 0, "extra": 0}
    assert world.rows(FIGURES) == [("At risk", 0, 0, 0, 0), ("Lapsed", 1, 1, 0, 0), ("VIP", 2, 2, 0, 0)]


def test_who_was_taken_off_is_missing_and_who_was_put_there_is_extra(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    run_id = delivered(world, Person(ADA, ["vip", "lapsed"]), Person(BEN, ["vip"]))
    world.esp.store.run("delete from membership where contact_id = ?", (world.esp.contacts()[ADA]["id"],))
    world.esp.add_contact(EVE, lists=["VIP"])
    totals = reconcile.run(world.url, world.destination(), run_id, ["VIP", "Lapsed"])
    assert totals == {"missing": 2, "extra": 1}
    assert world.rows(FIGURES) == [("Lapsed", 1, 0, 1, 0), ("VIP", 2, 2, 1, 1)]
    assert "list 'VIP': 1 missing, 1 extra" in caplog.text
    assert "example.com" not in caplog.text


def test_reading_back_again_replaces_the_figures(world: World) -> None:
    run_id = delivered(world, Person(ADA, ["vip"]))
    reconcile.run(world.url, world.destination(), run_id, ["VIP"])
    world.esp.add_contact(EVE, lists=["VIP"])
    reconcile.run(world.url, world.destination(), run_id, ["VIP"])
    assert world.rows(FIGURES) == [("VIP", 1, 2, 0, 1)]


def test_nothing_is_written_at_the_provider(world: World) -> None:
    run_id = delivered(world, Person(ADA, ["vip"]))
    destination = world.destination()
    world.esp.faults.requests.clear()
    reconcile.run(world.url, destination, run_id, ["VIP"])
    assert {*world.esp.faults.requests} <= {
        "POST /v3/marketing/contacts/exports",
        "GET /v3/marketing/contacts/exports/{id}",
        *(call for call in world.esp.faults.requests if call.startswith("GET /_files/")),
    }


class Reading:
    """A destination of which only the members are read."""

    name = "sendgrid"

    def __init__(self, *emails: str, breaks: bool = False) -> None:
        self.emails, self.breaks = emails, breaks

    def members(self, _: str) -> Iterator[str]:
        yield from self.emails
        if self.breaks:
            message = "the other side has a problem"
            raise RetryLater(message)


def test_an_address_that_is_read_twice_counts_once(world: World) -> None:
    run_id = delivered(world, Person(ADA, ["vip"]))
    reconcile.run(world.url, Reading(ADA, ADA, EVE, EVE), run_id, ["VIP"])  # type: ignore[arg-type]
    assert world.rows(FIGURES) == [("VIP", 1, 2, 0, 1)]


def test_a_reading_that_breaks_off_leaves_no_figures(world: World) -> None:
    run_id = delivered(world, Person(ADA, ["vip"]))
    with pytest.raises(RetryLater):
        reconcile.run(world.url, Reading(ADA, breaks=True), run_id, ["VIP"])  # type: ignore[arg-type]
    assert world.rows(FIGURES) == []
