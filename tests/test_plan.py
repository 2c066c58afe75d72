"""The plan: what the provider should hold, minus what it has confirmed."""

import json
from collections.abc import Iterator

import pytest

from demo.faults import Fault
from lifecycle import plan
from lifecycle.errors import GuardTripped
from lifecycle.plan import ListChange
from lifecycle.settings import Guards
from tests.world import RUN_DATE, Person, World, rules

ADA, BEN = "ada@example.com", "ben@example.com"
ACTIVE = {"lifecycle_stage": "active", "lifecycle_orders": 3}


def crowd(count: int, *audiences: str) -> Iterator[Person]:
    return (Person(f"p{number}@example.com", audiences) for number in range(count))


def test_a_new_member_is_created_with_every_field_and_list(world: World) -> None:
    world.want(Person(ADA, ["vip", "at_risk"], fields=ACTIVE))
    assert world.planned(world.plan()) == {
        ADA: {"change": "create", "payload": ACTIVE, "add_lists": ["At risk", "VIP"], "remove_lists": []}
    }


def test_a_known_member_whose_field_changed_is_updated(world: World) -> None:
    world.want(Person(ADA, ["vip"], fields=ACTIVE))
    world.night()
    changed = ACTIVE | {"lifecycle_orders": 4}
    world.want(Person(ADA, ["vip"], fields=changed))
    assert world.planned(world.plan()) == {
        ADA: {"change": "update", "payload": changed, "add_lists": [], "remove_lists": []}
    }


def test_nothing_is_planned_for_people_who_stayed_as_they_were(world: World) -> None:
    world.want(Person(ADA, ["vip"], fields=ACTIVE), Person(BEN, ["lapsed"]))
    world.night()
    assert world.planned(world.plan()) == {}
    world.want(Person(ADA, ["vip"], fields=ACTIVE), Person(BEN, ["lapsed"], fields={"lifecycle_stage": "lost"}))
    assert world.planned(world.plan()).keys() == {BEN}


def test_a_plan_that_was_not_delivered_is_planned_anew(world: World) -> None:
    world.want(*crowd(3, "vip"))
    assert world.planned(world.plan()) == world.planned(world.plan())


def test_people_join_and_leave_lists_without_their_fields_being_sent_again(world: World) -> None:
    world.want(Person(ADA, ["vip", "at_risk"]))
    world.night()
    world.want(Person(ADA, ["vip", "lapsed"]))
    assert world.planned(world.plan()) == {
        ADA: {"change": "update", "payload": {}, "add_lists": ["Lapsed"], "remove_lists": ["At risk"]}
    }


@pytest.mark.parametrize("gone", [{}, {"lifecycle_orders": None}])
def test_a_field_that_vanished_is_emptied_by_name(world: World, gone: dict[str, None]) -> None:
    world.want(Person(ADA, ["vip"], fields=ACTIVE))
    world.night()
    world.want(Person(ADA, ["vip"], fields={"lifecycle_stage": "active"} | gone))
    assert world.planned(world.plan())[ADA]["payload"] == {
        "lifecycle_stage": "active",
        "lifecycle_orders": None,
    }


def test_a_field_that_was_always_empty_is_not_sent(world: World) -> None:
    world.want(Person(ADA, ["vip"], fields=ACTIVE | {"lifecycle_last_category": None}))
    assert world.planned(world.plan())[ADA]["payload"] == ACTIVE


def test_a_member_without_any_field_joins_the_list(world: World) -> None:
    world.want(Person(ADA, ["vip"], fields={}))
    assert world.planned(world.plan())[ADA]["add_lists"] == ["VIP"]


def test_a_contactable_person_in_no_audience_is_not_created(world: World) -> None:
    world.want(Person(ADA))
    assert world.planned(world.plan()) == {}


def test_a_known_person_in_no_audience_any_more_is_kept_up_to_date(world: World) -> None:
    world.want(Person(ADA, ["vip"]))
    world.night()
    world.want(Person(ADA, fields=ACTIVE))
    assert world.planned(world.plan()) == {
        ADA: {"change": "update", "payload": ACTIVE, "add_lists": [], "remove_lists": ["VIP"]}
    }


def test_a_held_out_person_is_never_planned_into_the_list(world: World) -> None:
    world.want(Person(ADA, held_out=["vip"]), Person(BEN, ["lapsed"], held_out=["vip"]))
    planned = world.planned(world.plan())
    assert planned.keys() == {BEN}
    assert planned[BEN]["add_lists"] == ["Lapsed"]


def test_a_member_who_is_held_out_from_now_on_leaves_the_list(world: World) -> None:
    world.want(Person(ADA, ["vip"]))
    world.night()
    world.want(Person(ADA, held_out=["vip"]))
    assert world.planned(world.plan())[ADA]["remove_lists"] == ["VIP"]


def test_a_person_who_may_not_be_contacted_any_more_only_leaves(world: World) -> None:
    world.want(Person(ADA, ["vip", "lapsed"], fields=ACTIVE))
    world.night()
    world.want()
    assert world.planned(world.plan()) == {
        ADA: {"change": "leave", "payload": {}, "add_lists": [], "remove_lists": ["Lapsed", "VIP"]}
    }
    world.night()
    assert world.planned(world.plan()) == {}


def test_a_member_who_may_not_be_contacted_is_not_planned(world: World) -> None:
    world.want(Person(ADA, ["vip"]))
    world.run("truncate marts.contact_fields")
    assert world.planned(world.plan()) == {}


def test_a_rejected_row_is_planned_again_only_when_what_would_be_sent_changes(world: World) -> None:
    world.esp.faults.add(Fault("rows_rejected", method="PUT"))
    world.want(Person(ADA, ["vip"]))
    assert world.night()["rejected"] == 1
    assert world.planned(world.plan()) == {}
    world.want(Person(ADA, ["vip"], fields=ACTIVE))
    assert world.planned(world.plan())[ADA]["payload"] == ACTIVE


def test_a_rejected_person_still_leaves_lists(world: World) -> None:
    world.want(Person(ADA, ["vip"]))
    world.night()
    world.esp.faults.add(Fault("rows_rejected", method="PUT"))
    world.want(Person(ADA, ["vip"], fields=ACTIVE))
    world.night()
    world.want(Person(ADA, fields=ACTIVE))
    assert world.planned(world.plan())[ADA]["remove_lists"] == ["VIP"]


def test_members_of_a_renamed_list_leave_the_old_one_and_join_the_new_one(world: World) -> None:
    world.want(*crowd(2, "vip"))
    world.night()
    world.lists["vip"] = "Best customers"
    world.want(*crowd(2, "vip"))
    planned = world.planned(world.plan()).values()
    assert [(row["add_lists"], row["remove_lists"]) for row in planned] == [(["Best customers"], ["VIP"])] * 2


def test_the_figures_of_every_audience_are_stored(world: World) -> None:
    world.want(*crowd(2, "vip"))
    world.night()
    world.want(Person("p0@example.com", ["vip"]), Person(ADA, ["vip"]), Person(BEN, held_out=["vip"]))
    figures = "select audience, list_name, members, held_out, added, removed from delivery.audience"
    assert sorted(world.rows(f"{figures} where run_id = %s", world.plan())) == [
        ("at_risk", "At risk", 0, 0, 0, 0),
        ("lapsed", "Lapsed", 0, 0, 0, 0),
        ("vip", "VIP", 2, 1, 1, 1),
    ]


@pytest.mark.parametrize(
    ("change", "created", "trips"),
    [
        (ListChange("VIP", held=1000, removed=501, added=0), 0, ["would lose 501 of 1000 (50%)"]),
        (ListChange("VIP", held=1000, removed=500, added=0), 0, []),
        (ListChange("VIP", held=999, removed=998, added=0), 0, []),
        (ListChange("VIP", held=100, removed=100, added=0), 0, ["would lose all of its 100 members"]),
        (ListChange("VIP", held=100, removed=100, added=1), 0, []),
        (ListChange("VIP", held=99, removed=99, added=0), 0, []),
        (ListChange("VIP", held=1, removed=0, added=0), 10, []),
        (ListChange("VIP", held=1, removed=0, added=0), 11, ["11 contacts would be created"]),
        (ListChange("VIP", held=2000, removed=2000, added=0), 11, ["11 contacts", "all of its 2000"]),
    ],
)
def test_a_guard_trips_beyond_its_limit_and_small_lists_are_exempt(
    change: ListChange, created: int, trips: list[str]
) -> None:
    told = plan.guard_trips(Guards(max_created=10), [change], created)
    assert len(told) == len(trips)
    assert all(part in whole for part, whole in zip(trips, told, strict=True))


@pytest.mark.parametrize(
    ("guards", "told"),
    [
        ({"stop_if_emptied_from": 3}, "list 'VIP' would lose all of its 3 members"),
        ({"from_members": 3, "max_removed_share": 0.9}, "list 'VIP' would lose 3 of 3 (100%)"),
        ({"max_created": 0}, "1 contacts would be created, max_created is 0"),
    ],
)
def test_a_tripped_guard_is_stored_with_the_run_and_nothing_is_sent(
    world: World, guards: dict[str, float], told: str
) -> None:
    world.want(*crowd(3, "vip"))
    world.night()
    world.want(Person(ADA, ["lapsed"]))
    world.esp.faults.requests.clear()
    with pytest.raises(GuardTripped) as trip:
        world.plan(**guards)
    assert told in str(trip.value)
    (run_id, stopped_by), *_ = world.rows("select run_id, stopped_by from delivery.run order by run_id desc")
    assert told in stopped_by
    assert len(world.planned(run_id)) == 4
    assert not world.esp.faults.requests


def test_a_run_that_no_guard_stopped_says_so(world: World) -> None:
    world.want(*crowd(3, "vip"))
    run_id = plan.run(world.url, "sendgrid", RUN_DATE, rules(stop_if_emptied_from=1, max_created=3))
    assert world.rows("select run_id, run_date, stopped_by from delivery.run") == [(run_id, RUN_DATE, None)]


def test_what_another_destination_confirmed_does_not_count(world: World) -> None:
    world.want(Person(ADA, ["vip"]))
    world.night()
    run_id = plan.run(world.url, "another", RUN_DATE, rules())
    assert json.dumps(world.planned(run_id)[ADA]["add_lists"]) == '["VIP"]'
