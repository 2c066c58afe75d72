"""The plan: what the provider should hold, minus what it has confirmed."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from lifecycle import plan
from lifecycle.plan.guards import Change, exceeded
from lifecycle.settings import AudienceLimits, Destination, Guards, OverallLimits
from lifecycle.sources.sendgrid import SendGridEsp
from lifecycle.testing.faults import Fault
from tests.world import RUN_DATE, SUPPRESSIONS, Person, World, rules

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


@pytest.mark.parametrize(
    ("change", "limits", "trips"),
    [
        (Change("VIP", 1000, 0, 0, 501), {}, ["501 people would leave, 50% of 1000, max_removed_share is 50%"]),
        (Change("VIP", 1000, 0, 0, 500), {}, []),
        (Change("VIP", 999, 0, 0, 998), {}, []),
        (Change("VIP", 100, 0, 0, 100), {}, ["all of its 100 members would leave, stop_if_emptied_from is 100"]),
        (Change("VIP", 100, 0, 1, 100), {}, []),
        (Change("VIP", 99, 0, 0, 99), {}, []),
        (Change("VIP", 1000, 0, 1001, 0), {}, ["1001 people would join, 100% of 1000, max_added_share is 100%"]),
        (Change("VIP", 1, 0, 6, 0), {"max_added": 5}, ["6 people would join, max_added is 5"]),
        (Change("VIP", 1, 0, 5, 0), {"max_added": 5}, []),
        (Change("VIP", 9, 0, 0, 6), {"max_removed": 5}, ["6 people would leave, max_removed is 5"]),
        (Change("VIP", 1, 6, 6, 0), {"max_created": 5}, ["6 people would be new contacts, max_created is 5"]),
        (Change("VIP", 5000, 0, 9000, 4000), {"max_added_share": None, "max_removed_share": None}, []),
        (
            Change("VIP", 2000, 2001, 2001, 1001),
            {"max_created": 9, "max_removed": 9},
            ["9", "max_added_share", "9", "50%"],
        ),
    ],
)
def test_a_guard_trips_beyond_its_limit_and_small_lists_are_exempt(
    change: Change, limits: dict[str, Any], trips: list[str]
) -> None:
    reasons = list(exceeded(AudienceLimits(**limits), change, from_members=1000))
    assert len(reasons) == len(trips)
    assert all(line.startswith("list 'VIP': ") for line in reasons)
    assert all(part in whole for part, whole in zip(trips, reasons, strict=True))


def test_all_lists_together_have_limits_of_their_own() -> None:
    reasons = list(exceeded(OverallLimits(max_created=10), Change(None, 2000, 11, 11, 2000), from_members=1000))
    assert reasons == [
        "all lists: 11 people would be new contacts, max_created is 10",
        "all lists: 2000 people would leave, 100% of 2000, max_removed_share is 50%",
    ]


def test_an_audience_goes_by_its_own_limits_where_it_has_any() -> None:
    guards = Guards(audience=AudienceLimits(max_added=7))
    audience = rules().audiences["vip"].model_copy(update={"guards": AudienceLimits(max_removed=3)})
    assert guards.of(audience) == AudienceLimits(max_added=7, max_removed=3)


@pytest.mark.parametrize(
    ("guards", "reason"),
    [
        ({"audience": {"stop_if_emptied_from": 3}}, "list 'VIP': all of its 3 members would leave"),
        ({"from_members": 3, "audience": {"max_removed_share": 0.9}}, "list 'VIP': 3 people would leave, 100% of 3"),
        ({"overall": {"max_created": 0}}, "all lists: 1 people would be new contacts, max_created is 0"),
        ({"suppressions_may_be_empty": False}, "suppressions: there is not a single one"),
    ],
)
def test_a_tripped_guard_is_stored_with_the_run(world: World, guards: dict[str, Any], reason: str) -> None:
    world.want(*crowd(3, "vip"))
    world.night()
    world.want(Person(ADA, ["lapsed"]))
    run_id = world.plan(**guards)
    stopped_by = plan.stopped_by(world.url, run_id) or ""
    assert stopped_by.startswith(reason)
    assert len(world.planned(run_id)) == 4
    question = plan.question(world.url, run_id)
    assert all(f"- {limit}\n" in question for limit in stopped_by.split("; "))
    assert "| lapsed | 1 | 1 | 0 | 1 | 0 | 0 | 0 |" in question
    assert "@" not in question


def test_a_run_that_no_guard_stopped_says_so(world: World) -> None:
    world.want(*crowd(3, "vip"))
    run_id = world.plan(overall={"max_created": 3})
    assert world.rows("select run_id, run_date, stopped_by from delivery.run") == [(run_id, RUN_DATE, None)]


def test_suppressions_that_are_old_or_missing_stop_the_plan(world: World) -> None:
    late = RUN_DATE + timedelta(days=3)
    assert (plan.stopped_by(world.url, world.plan(late)) or "").split("; ")[0] == (
        f"suppressions: bounces were last pulled for {RUN_DATE}, suppressions_max_age_days is 2"
    )
    world.run("delete from raw.pull where stream = 'blocks'")
    assert plan.stopped_by(world.url, world.plan()) == "suppressions: blocks were never pulled"
    world.pull(late)
    assert plan.stopped_by(world.url, world.plan(late)) is None


def test_a_single_suppression_shows_that_they_are_read(world: World) -> None:
    world.run("insert into raw.sendgrid__blocks values ('1', 'esp', null, '{}', now(), false)")
    assert plan.stopped_by(world.url, world.plan(suppressions_may_be_empty=False)) is None
    world.run("update raw.sendgrid__blocks set is_deleted = true")
    assert "not a single one" in (plan.stopped_by(world.url, world.plan(suppressions_may_be_empty=False)) or "")
    world.run("truncate raw.sendgrid__blocks")


def test_every_provider_that_is_read_must_tell_whom_not_to_write_to(world: World) -> None:
    news = SendGridEsp(kind="sendgrid", connection="news")
    both = rules(suppressions_may_be_empty=False).model_copy(update={"additional_esps": {"news": news}})
    world.run("insert into raw.sendgrid__blocks values ('1', 'esp', null, '{}', now(), false)")
    reason = plan.stopped_by(world.url, plan.run(world.url, RUN_DATE, both)) or ""
    never = [f"suppressions of news: {stream} were never pulled" for stream in SUPPRESSIONS]
    assert reason.split("; ") == [
        *never,
        "suppressions of news: there is not a single one, and suppressions_may_be_empty is false",
    ]
    world.run("insert into raw.pull select 'news', stream, run_date, now(), now(), 1, 0, 0, null from raw.pull")
    world.run("insert into raw.sendgrid__bounces values ('2', 'news', null, '{}', now(), false)")
    assert plan.stopped_by(world.url, plan.run(world.url, RUN_DATE, both)) is None
    world.run("truncate raw.sendgrid__blocks, raw.sendgrid__bounces")


def test_a_critical_check_that_failed_stops_the_plan_of_its_night(world: World) -> None:
    world.run(
        f"insert into quality.result values ('{RUN_DATE}', 'marts', 'customers', 'unique', null, 'critical', false),"
        f" ('{RUN_DATE}', 'marts', 'customers', 'fresh', null, 'warning', false)"
    )
    assert plan.stopped_by(world.url, world.plan()) == "gate marts: the critical check customers.unique has failed"
    assert plan.stopped_by(world.url, world.plan(RUN_DATE + timedelta(days=1))) is None


def test_a_night_before_one_that_was_delivered_would_turn_the_provider_back(world: World) -> None:
    world.want(Person(ADA, ["vip"]))
    world.night()
    reason = plan.stopped_by(world.url, world.plan(RUN_DATE - timedelta(days=1)))
    assert reason == f"the night of {RUN_DATE} was delivered already: 2017-12-29 would turn the provider back"
    assert plan.stopped_by(world.url, world.plan()) is None


def test_what_another_destination_confirmed_does_not_count(world: World) -> None:
    world.want(Person(ADA, ["vip"]))
    world.night()
    another = rules().model_copy(update={"destination": Destination(kind="brevo", connection="brevo")})
    run_id = plan.run(world.url, RUN_DATE, another)
    assert world.planned(run_id)[ADA]["add_lists"] == ["VIP"]
