"""What stops a plan: guards, suppressions that are old or missing, failed checks, an earlier night."""

from datetime import timedelta
from typing import Any

import pytest

from lifecycle import plan
from lifecycle.plan.guards import Change, exceeded
from lifecycle.settings import AudienceLimits, Guards, OverallLimits
from lifecycle.sources.sendgrid import SendGridEsp
from tests.test_plan import ADA, crowd
from tests.world import RUN_DATE, SUPPRESSIONS, Person, World, rules


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
    assert (
        reason == f"the night of {RUN_DATE} was delivered already, or in part: 2017-12-29 would turn the provider back"
    )
    assert plan.stopped_by(world.url, world.plan()) is None
