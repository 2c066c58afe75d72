"""Which plans may be sent, and what a delivery leaves in the audit and in the logs."""

import logging
import traceback

import pytest

from lifecycle import deliver, plan, warehouse
from lifecycle.errors import GuardTripped, LifecycleError, RetryLater, Stop
from lifecycle.testing.faults import Fault
from tests.deliver.support import ADA, BEN, crowd, without
from tests.world import KEY, RUN_DATE, Person, World, rules


def test_a_plan_in_which_somebody_leaves_is_not_sent_to_who_takes_nobody_off_a_list(world: World) -> None:
    destination = without(world.destination(), "remove", "max_removals")
    world.want(*crowd(2, "vip"))
    assert world.deliver(world.plan(), destination)["confirmed"] == 2
    world.want(Person("p0@example.com", ["vip"]), Person(BEN, ["vip"]))
    world.esp.faults.requests.clear()
    with pytest.raises(Stop, match="1 people would leave lists, and sendgrid takes nobody off a list"):
        world.deliver(world.plan(), destination)
    assert world.esp.faults.writes() == 0


def test_of_two_deliveries_at_once_the_second_stops(world: World) -> None:
    world.want(Person(ADA, ["vip"]))
    run_id, destination = world.plan(), world.destination()
    world.esp.faults.requests.clear()
    with warehouse.only_one(world.url, "deliver sendgrid"):
        with pytest.raises(RetryLater, match="another run holds the lock"):
            world.deliver(run_id, destination)
        with pytest.raises(RetryLater, match="another run holds the lock"):
            deliver.resolve_open_jobs(world.url, destination)
    assert not world.esp.faults.requests
    assert world.deliver(run_id, destination)["confirmed"] == 1


def test_a_plan_that_was_stopped_is_sent_only_when_it_is_approved(world: World) -> None:
    world.want(Person(ADA, ["vip"]))
    run_id, destination = world.plan(overall={"max_created": 0}), world.destination()
    world.esp.faults.requests.clear()
    with pytest.raises(GuardTripped, match=r"run 1 is stopped before the first call \(nobody was asked\)"):
        world.deliver(run_id, destination)
    for by, is_approved, answer in (("eve", False, "rejected"), (None, True, "unanswered")):
        plan.record_approval(world.url, run_id, by=by, is_approved=is_approved)
        assert world.rows("select answer, answered_by, answered_at is not null from delivery.run") == [
            (answer, by, True)
        ]
        with pytest.raises(GuardTripped, match=answer):
            world.deliver(run_id, destination)
    assert not world.esp.faults.requests
    plan.record_approval(world.url, run_id, by="ada", is_approved=True)
    assert world.deliver(run_id, destination)["confirmed"] == 1
    assert ("plan approved", "by ada") in world.rows("select event, detail from delivery.audit")


def test_a_dry_run_is_never_sent(world: World) -> None:
    world.want(Person(ADA, ["vip"]))
    run_id = plan.run(world.url, RUN_DATE, rules(), is_dry_run=True)
    assert world.planned(run_id).keys() == {ADA}
    with pytest.raises(GuardTripped, match="is a dry run"):
        world.deliver(run_id)
    assert world.night()["confirmed"] == 1


def test_a_plan_that_another_one_has_overtaken_is_not_sent(world: World) -> None:
    world.want(Person(ADA, ["vip"]))
    late = world.plan()
    world.want(Person(BEN, ["vip"]))
    world.night()
    with pytest.raises(GuardTripped, match="run 1 is out of date: run 2 was planned or sent since"):
        world.deliver(late)
    assert world.held().keys() == {BEN}


def test_a_run_of_another_destination_is_not_a_plan_for_this_one(world: World) -> None:
    with pytest.raises(Stop, match="run 7 is not a plan for sendgrid"):
        world.deliver(7)


def test_the_audit_tells_what_became_of_a_person(world: World) -> None:
    world.esp.faults.add(Fault("rows_rejected", method="PUT", message="no such mailbox"))
    world.want(Person(ADA, ["vip"]), Person(BEN, held_out=["vip"], excluded={"lapsed": "capped"}))
    world.night()
    events = "select event, list_name, detail from delivery.audit where person_id = %s order by at, event, list_name"
    assert world.rows(events, Person(BEN).person_id) == [
        ("decided: excluded", "Lapsed", "capped"),
        ("decided: held out", "VIP", "by hand"),
    ]
    assert sorted(world.rows(events, Person(ADA).person_id), key=str) == [
        ("answered: failed", None, "job 1"),
        ("decided: member", "VIP", "by hand"),
        ("planned: add", "VIP", "by hand"),
        ("planned: create", None, None),
        ("refused", None, "no such mailbox"),
        ("sent: upsert", None, "job 1"),
    ]


@pytest.mark.parametrize("kind", ["", "400", "404", "500", "unauthorized", "not_json", "job_failed", "rows_rejected"])
def test_no_log_and_no_error_tells_an_address_a_payload_or_a_token(
    world: World, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("lifecycle", "python_http_client"):
        caplog.set_level(logging.DEBUG, logger=name)
    world.want(*crowd(2, "vip", lifecycle_last_category="heliotrope"), Person("000", ["lapsed"]))
    errors = []
    for method in ("PUT", "DELETE", "POST"):
        world.esp.faults.add(*([Fault(kind, method=method, times=2)] if kind else []))
        try:
            world.night()
        except LifecycleError as error:
            errors.append("".join(traceback.format_exception(error)) + repr(error.__context__))
        world.want(*crowd(1, "lapsed", lifecycle_last_category="heliotrope"))
    text = "\n".join([*errors, caplog.text, *(repr(record.args) for record in caplog.records)])
    assert "run " in text
    assert [secret for secret in ("example.com", "000", "heliotrope", KEY, "Bearer") if secret in text] == []
