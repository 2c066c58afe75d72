"""The plan: what the provider should hold, minus what it has confirmed."""

from collections.abc import Iterator

import pytest

from lifecycle import plan
from lifecycle.settings import Destination
from lifecycle.testing.faults import Fault
from tests.world import LEFT, RUN_DATE, Person, World, rules

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


def test_a_plan_that_was_not_delivered_is_planned_again(world: World) -> None:
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


def test_a_person_who_may_not_be_contacted_any_more_leaves_and_cannot_be_found(world: World) -> None:
    world.want(Person(ADA, ["vip", "lapsed"], fields=ACTIVE))
    world.night()
    world.want()
    assert world.planned(world.plan()) == {
        ADA: {
            "change": "leave",
            "payload": {"lifecycle_stage": None, "lifecycle_orders": None, **LEFT},
            "add_lists": [],
            "remove_lists": ["Lapsed", "VIP"],
        }
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
    world.want(
        Person("p0@example.com", ["vip"]),
        Person(ADA, ["vip"]),
        Person(BEN, held_out=["vip"], excluded={"lapsed": "lower priority"}),
        Person("eve@example.com", excluded={"vip": "suppressed", "lapsed": "suppressed"}, is_refused=True),
    )
    figures = "audience, members, held_out, excluded, created, added, removed, unchanged"
    assert sorted(world.rows(f"select {figures} from delivery.audience where run_id = %s", world.plan())) == [
        ("at_risk", 0, 0, {}, 0, 0, 0, 0),
        ("lapsed", 0, 0, {"suppressed": 1, "lower priority": 1}, 0, 0, 0, 0),
        ("vip", 2, 1, {"suppressed": 1}, 1, 1, 1, 1),
    ]


def test_a_plan_can_be_read_before_anything_is_sent(world: World) -> None:
    world.want(*crowd(2, "vip"), Person("p2@example.com", ["lapsed"]))
    world.night()
    world.want(
        Person("p0@example.com", ["vip"], fields=ACTIVE),
        Person("p1@example.com", excluded={"vip": "suppressed"}, is_refused=True),
        Person(ADA, ["vip"]),
        Person(BEN, held_out=["vip"], excluded={"lapsed": "capped"}),
    )
    names = {Person(email).person_id: email[:2] for email in (ADA, BEN, *(f"p{n}@example.com" for n in range(3)))}
    rows = world.rows(
        "select person_id, action, audience, reason from delivery.plan_detail where run_id = %s", world.plan()
    )
    assert sorted((names[person_id], *row) for person_id, *row in rows) == [
        ("ad", "add", "vip", "by hand"),
        ("ad", "create", None, None),
        ("be", "excluded", "lapsed", "capped"),
        ("be", "held out", "vip", "by hand"),
        ("p0", "unchanged", "vip", "by hand"),
        ("p0", "update", None, None),
        ("p1", "excluded", "vip", "suppressed"),
        ("p1", "leave", None, None),
        ("p1", "remove", "vip", "suppressed"),
        ("p2", "leave", None, None),
        ("p2", "remove", "lapsed", "no longer in the audience"),
    ]


def test_a_decision_holds_until_another_plan_decides_otherwise(world: World) -> None:
    history = "select outcome, exclusion, since_run, until_run from delivery.decision order by since_run"
    for person in (Person(ADA, ["vip"]), Person(ADA, ["vip"]), Person(ADA, excluded={"vip": "capped"}), Person(BEN)):
        world.want(person)
        world.plan()
    assert world.rows(history) == [("member", None, 1, 3), ("excluded", "capped", 3, 4)]


def test_what_the_provider_has_refused_stands_in_the_plan_and_is_not_sent(world: World) -> None:
    world.esp.faults.add(Fault("rows_rejected", method="PUT"))
    world.want(Person(ADA, ["vip"]))
    world.night()
    run_id = world.plan()
    assert world.rows("select change from delivery.plan where run_id = %s", run_id) == [("refused",)]
    world.esp.faults.requests.clear()
    assert world.deliver(run_id) == {"planned": 0, "sent": 0, "confirmed": 0, "rejected": 0}
    assert world.esp.faults.writes() == 0


def test_what_another_destination_confirmed_does_not_count(world: World) -> None:
    world.want(Person(ADA, ["vip"]))
    world.night()
    another = rules().model_copy(update={"destination": Destination(kind="brevo", connection="brevo")})
    run_id = plan.run(world.url, RUN_DATE, another)
    assert world.planned(run_id)[ADA]["add_lists"] == ["VIP"]


def test_a_former_list_is_not_mistaken_for_the_audience_of_its_name(world: World) -> None:
    world.lists["vip"] = "at_risk"
    world.want(Person(ADA, ["vip"]))
    world.night()
    world.lists["vip"] = "VIP"
    world.want(Person(ADA, ["vip"]))
    figures = "select audience, list_name, added, removed, is_removed from delivery.audience where run_id = %s"
    assert {row for row in world.rows(figures, world.plan()) if any(row[2:])} == {
        ("vip", "VIP", 1, 0, False),
        ("list at_risk", "at_risk", 0, 1, True),
    }


def test_an_audience_that_left_two_lists_behind_has_a_row_for_each(world: World) -> None:
    world.want(Person(ADA, ["vip"]))
    world.night()
    world.lists["vip"] = "Best"
    world.plan()
    world.run("update delivery.ledger set lists = '{Best,VIP}'")
    del world.lists["vip"]
    world.want()
    figures = "select audience, removed from delivery.audience where run_id = %s and is_removed"
    assert sorted(world.rows(figures, world.plan())) == [("list Best", 1), ("list VIP", 1)]
