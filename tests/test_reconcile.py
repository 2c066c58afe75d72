"""Reading back: who is missing on the provider's lists, and who is there besides."""

from collections.abc import Iterator, Sequence

import pytest

from lifecycle import plan, reconcile
from lifecycle.destinations import RemoteContact
from lifecycle.errors import RetryLater, Stop
from tests.world import RUN_DATE, Person, World

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
    assert totals == {"missing": 0, "extra": 0, "different": 0}
    assert world.rows(FIGURES) == [("At risk", 0, 0, 0, 0), ("Lapsed", 1, 1, 0, 0), ("VIP", 2, 2, 0, 0)]


def test_who_was_taken_off_is_missing_and_who_was_put_there_is_extra(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    run_id = delivered(world, Person(ADA, ["vip", "lapsed"]), Person(BEN, ["vip"]))
    world.esp.store.run("delete from membership where contact_id = ?", (world.esp.contacts()[ADA]["id"],))
    world.esp.add_contact(EVE, lists=["VIP"])
    totals = reconcile.run(world.url, world.destination(), run_id, ["VIP", "Lapsed"])
    assert totals == {"missing": 2, "extra": 1, "different": 0}
    assert world.rows(FIGURES) == [("Lapsed", 1, 0, 1, 0), ("VIP", 2, 2, 1, 1)]
    assert "list 'VIP': 1 missing, 1 extra, 0 different" in caplog.text
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

    def contacts(self, _: str) -> Iterator[RemoteContact]:
        yield from (RemoteContact(email, email, {"lifecycle_stage": "active"}) for email in self.emails)
        if self.breaks:
            message = "the other side has a problem"
            raise RetryLater(message)

    def members_among(self, _: str, emails: Sequence[str]) -> set[str]:
        return {*emails} & {*self.emails}


class Counting:
    """A destination that tells only how many are on a list."""

    name = "sendgrid"

    def member_count(self, list_name: str) -> int:
        return {"VIP": 3, "Lapsed": 0}.get(list_name, 0)


class Silent:
    """A destination that can't be read back."""

    name = "sendgrid"


def test_where_only_counts_can_be_read_they_are_compared(world: World) -> None:
    run_id = delivered(world, Person(ADA, ["vip", "lapsed"]), Person(BEN, ["vip"]))
    totals = reconcile.run(world.url, Counting(), run_id, ["VIP", "Lapsed"])
    assert totals == {"missing": 1, "extra": 1, "different": 0}
    assert world.rows(FIGURES) == [("Lapsed", 1, 0, 1, 0), ("VIP", 2, 3, 0, 1)]
    assert world.rows("select * from delivery.drift") == []


def test_a_destination_that_cannot_be_read_back_says_so(world: World, caplog: pytest.LogCaptureFixture) -> None:
    run_id = delivered(world, Person(ADA, ["vip"]))
    assert reconcile.run(world.url, Silent(), run_id, ["VIP"]) == {"missing": 0, "extra": 0, "different": 0}
    assert world.rows(FIGURES) == []
    assert "sendgrid can't be read back: nothing is compared" in caplog.text


@pytest.mark.parametrize("destination", [Counting(), Silent()], ids=["counting", "silent"])
def test_nothing_is_repaired_by_a_destination_that_lists_nobody(world: World, destination: Counting | Silent) -> None:
    delivered(world, Person(ADA, ["vip"]))
    with pytest.raises(Stop, match="can't be read back"):
        reconcile.adopt_remote_state(world.url, destination, RUN_DATE, ["VIP"])
    assert world.ledger() == world.held()


def test_an_address_that_is_read_twice_counts_once(world: World) -> None:
    run_id = delivered(world, Person(ADA, ["vip"]))
    reconcile.run(world.url, Reading(ADA, ADA, EVE, EVE), run_id, ["VIP"])
    assert world.rows(FIGURES) == [("VIP", 1, 2, 0, 1)]


def test_a_reading_that_breaks_off_leaves_no_figures(world: World) -> None:
    run_id = delivered(world, Person(ADA, ["vip"]))
    with pytest.raises(RetryLater):
        reconcile.run(world.url, Reading(ADA, breaks=True), run_id, ["VIP"])
    assert world.rows(FIGURES) == []


def test_each_drifted_contact_is_named_by_its_ids(world: World) -> None:
    run_id = delivered(world, Person(ADA, ["vip", "lapsed"]), Person(BEN, ["vip"]))
    world.esp.store.run("delete from membership where contact_id = ?", (world.esp.contacts()[ADA]["id"],))
    world.esp.add_contact(EVE, lists=["VIP"])
    world.write_by_hand(BEN, lifecycle_stage="lost", lifecycle_orders=3)
    totals = reconcile.run(world.url, world.destination(), run_id, ["VIP"])
    assert totals == {"missing": 1, "extra": 1, "different": 1}
    ids = {email: contact["id"] for email, contact in world.esp.contacts().items()}
    drift = "select kind, person_id, contact_id, fields from delivery.drift order by kind"
    assert world.rows(drift) == [
        ("different", Person(BEN).person_id, ids[BEN], ["lifecycle_orders", "lifecycle_stage"]),
        ("extra", None, ids[EVE], None),
        ("missing", Person(ADA).person_id, None, None),
    ]


def test_fields_are_equal_however_the_provider_writes_them(world: World) -> None:
    fields = {
        "lifecycle_stage_since": "2017-12-01",
        "lifecycle_orders": 3.50,
        "lifecycle_last_category": "🧀" * 1001,
        "lifecycle_stage": None,
    }
    run_id = delivered(world, Person(ADA, ["vip"], fields=fields))
    assert reconcile.run(world.url, world.destination(), run_id, ["VIP"])["different"] == 0


def test_a_repair_brings_back_what_was_lost_and_leaves_people_put_there_by_hand(world: World) -> None:
    delivered(world, Person(ADA, ["vip", "lapsed"]), Person(BEN, ["vip"]))
    world.esp.store.run("delete from membership where contact_id = ?", (world.esp.contacts()[ADA]["id"],))
    world.esp.add_contact(EVE, lists=["VIP"])
    world.write_by_hand(BEN, lifecycle_stage="lost", lifecycle_orders=3)
    assert world.planned(world.plan()) == {}
    assert reconcile.adopt_remote_state(world.url, world.destination(), RUN_DATE, ["VIP", "Lapsed"]) == 3
    memberships = "select list_name from delivery.membership where left_on is null order by 1"
    assert world.rows(memberships) == [("Lapsed",), ("VIP",), ("VIP",)]
    run_id = world.plan()
    assert {email: (row["payload"], row["add_lists"]) for email, row in world.planned(run_id).items()} == {
        ADA: ({"lifecycle_stage": "active"}, ["Lapsed", "VIP"]),
        BEN: ({"lifecycle_stage": "active", "lifecycle_orders": None}, []),
    }
    world.deliver(run_id)
    assert world.esp.members("VIP") == {ADA, BEN, EVE}
    assert world.esp.members("Lapsed") == {ADA}
    assert world.held()[BEN] == ({"lifecycle_stage": "active"}, ["VIP"])
    assert reconcile.adopt_remote_state(world.url, world.destination(), RUN_DATE, ["VIP", "Lapsed"]) == 0


def test_a_repair_goes_through_the_guards(world: World) -> None:
    delivered(world, *(Person(f"p{number}@example.com", ["vip"]) for number in range(6)))
    world.esp.store.run("delete from membership")
    reconcile.adopt_remote_state(world.url, world.destination(), RUN_DATE, ["VIP"])
    stopped_by = plan.stopped_by(world.url, world.plan(audience={"max_added": 5}))
    assert stopped_by == "list 'VIP': 6 people would join, max_added is 5"
