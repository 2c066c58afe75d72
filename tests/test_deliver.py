"""The delivery: the provider ends up as planned, and the ledger is what it confirmed, whatever happens."""

import dataclasses
import logging
import threading
import traceback
from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from demo.esp import Pace
from lifecycle import deliver, plan, warehouse, web
from lifecycle.deliver import jobs as requests
from lifecycle.destinations import Outcome
from lifecycle.destinations.sendgrid import writer as sendgrid
from lifecycle.errors import AccessDenied, AnswerUnreadable, GuardTripped, LifecycleError, RetryLater, Stop
from lifecycle.testing.faults import Fault
from tests.world import KEY, RUN_DATE, Person, World, provider, rules

ADA, BEN, EVE = "ada@example.com", "ben@example.com", "eve@example.com"
STAGE = {"lifecycle_stage": "active"}
CONTACTS, IMPORTS, SEARCH = "/contacts$", "/contacts/imports/", "/contacts/search/emails$"


def crowd(count: int, *audiences: str, **fields: Any) -> Iterator[Person]:
    return (Person(f"p{number}@example.com", audiences, fields=STAGE | fields) for number in range(count))


def jobs(world: World) -> list[tuple[str, str]]:
    return world.rows("select kind, status from delivery.job order by job_id")


def rejects(world: World) -> list[tuple[str, str]]:
    return world.rows("select email, message from delivery.reject order by email")


def requested(world: World) -> list[int]:
    return [job["results"]["requested_count"] for job in world.esp.jobs()]


def test_the_provider_and_the_ledger_hold_what_was_planned(world: World) -> None:
    fields = {
        "lifecycle_stage": "at_risk",
        "lifecycle_stage_since": "2017-12-01",
        "lifecycle_orders": 3,
        "lifecycle_last_category": "Käse 🧀",
    }
    world.want(Person(ADA, ["vip", "at_risk"], fields=fields), Person(BEN, ["lapsed"]))
    assert world.night() == {"planned": 2, "sent": 2, "confirmed": 2, "rejected": 0}
    since = {"lifecycle_stage_since": "2017-12-01T00:00:00Z"}
    assert world.held() == {ADA: (fields | since, ["At risk", "VIP"]), BEN: (STAGE, ["Lapsed"])}
    assert world.ledger() == {ADA: (fields, ["At risk", "VIP"]), BEN: (STAGE, ["Lapsed"])}


def test_a_field_that_vanished_is_emptied_at_the_provider(world: World) -> None:
    world.want(Person(ADA, ["vip"], fields=STAGE | {"lifecycle_orders": 3}))
    world.night()
    world.want(Person(ADA, ["vip"]))
    world.night()
    assert world.held() == {ADA: (STAGE, ["VIP"])}


def test_a_field_that_is_no_longer_pushed_is_emptied_at_the_provider(world: World) -> None:
    world.want(Person(ADA, ["vip"], fields=STAGE | {"lifecycle_orders": 3}))
    world.night()
    world.want(Person(ADA, ["vip"]))
    connection = sendgrid.connect(provider(world.address), world.lists.values(), {"lifecycle_stage": "Text"})
    world.deliver(world.plan(), connection)
    assert world.held() == {ADA: (STAGE, ["VIP"])}


def test_who_is_refused_after_a_lost_answer_is_not_forgotten(world: World) -> None:
    world.want(Person(ADA, ["vip"]))
    performed = Fault("503", method="PUT", performed=True)
    world.esp.faults.add(performed, Fault("rows_rejected", method="PUT", rows=1, message="no"))
    assert world.night()["rejected"] == 1
    world.esp.settle()
    assert world.held()[ADA][1] == ["VIP"]  # by the request that was answered with 503
    world.want()
    world.night()
    assert world.held()[ADA][1] == []


def test_members_move_to_a_renamed_list(world: World) -> None:
    world.want(*crowd(3, "vip"))
    world.night()
    world.lists["vip"] = "Best customers"
    world.want(*crowd(3, "vip"))
    world.night()
    assert {tuple(lists) for _, lists in world.held().values()} == {("Best customers",)}


def test_a_list_that_was_deleted_at_the_provider_needs_no_leaving(world: World) -> None:
    world.want(Person(ADA, ["vip"]))
    world.night()
    world.esp.store.run("delete from list where name = 'VIP'")
    del world.lists["vip"]
    world.want(Person(ADA))
    world.night()
    assert world.ledger() == {ADA: (STAGE, [])}


def test_batches_are_full_and_hold_people_who_join_the_same_lists(world: World) -> None:
    world.want(*crowd(5, "vip"), Person(ADA, ["lapsed"]), Person(BEN, ["vip", "lapsed"]))
    world.deliver(world.plan(), dataclasses.replace(world.destination(), max_batch_size=2))
    assert sorted(requested(world)) == [1, 1, 1, 2, 2]
    assert world.ledger() == world.held()


def test_a_batch_stays_below_the_bytes_that_the_provider_takes(world: World) -> None:
    world.want(*crowd(1700, "vip", "at_risk", "lapsed", lifecycle_last_category="🧀" * 1000))
    assert world.night()["confirmed"] == 1700
    assert len(requested(world)) == world.calls("PUT") == 2


def test_a_job_is_stored_before_it_is_asked_about_and_counts_only_when_confirmed(world: World) -> None:
    seen: list[tuple[Any, ...]] = []

    class Watched:
        def __init__(self) -> None:
            self.inner = world.destination()

        def __getattr__(self, name: str) -> Any:
            return getattr(self.inner, name)

        def outcome(self, job: str) -> Outcome:
            seen.extend(world.rows("select status from delivery.job where provider_job = %s", job))
            seen.extend(world.rows("select lists from delivery.ledger"))
            return self.inner.outcome(job)

    world.want(Person(ADA, ["vip"]))
    world.deliver(world.plan(), Watched())
    assert seen == [("submitted",)]
    assert world.ledger() == world.held()


def test_a_night_with_nothing_to_send_makes_no_writing_call(world: World) -> None:
    world.want(*crowd(3, "vip"))
    world.night()
    world.esp.faults.requests.clear()
    assert world.night() == {"planned": 0, "sent": 0, "confirmed": 0, "rejected": 0}
    assert world.esp.faults.writes() == 0


def test_a_delivery_that_is_repeated_sends_nothing(world: World) -> None:
    world.want(*crowd(3, "vip"))
    run_id = world.plan()
    first = world.deliver(run_id)
    world.esp.faults.requests.clear()
    assert world.deliver(run_id) == first
    assert world.esp.faults.writes() == 0


def test_rows_that_the_provider_refuses_are_put_aside_with_its_message(world: World) -> None:
    world.esp.faults.add(Fault("rows_rejected", method="PUT", rows=1, message="mailbox is a role account"))
    world.want(*crowd(3, "vip"))
    assert world.night() == {"planned": 3, "sent": 3, "confirmed": 2, "rejected": 1}
    ((email, message),) = rejects(world)
    assert message == "mailbox is a role account"
    assert world.ledger() == world.held()
    assert email not in world.ledger()


def test_a_job_in_which_every_row_is_refused_is_not_sent_again(world: World) -> None:
    world.esp.faults.add(Fault("rows_rejected", method="PUT", rows=3, message="no"))
    world.want(*crowd(3, "vip"))
    assert world.night() == {"planned": 3, "sent": 3, "confirmed": 0, "rejected": 3}
    assert world.calls("PUT") == 1
    assert world.ledger() == {}


def test_people_of_a_job_whose_refused_rows_are_not_all_named_are_sent_again_the_next_night(world: World) -> None:
    world.esp.faults.add(Fault("rows_rejected", method="PUT", rows=2), Fault("not_json", path="/_files/"))
    world.want(*crowd(3, "vip"))
    assert world.night() == {"planned": 3, "sent": 3, "confirmed": 0, "rejected": 0}
    assert world.night() == {"planned": 3, "sent": 3, "confirmed": 3, "rejected": 0}
    assert world.ledger() == world.held()


def test_who_may_be_on_a_list_by_a_lost_request_is_taken_off_when_contact_is_no_longer_allowed(world: World) -> None:
    world.esp.faults.add(Fault("500", method="PUT", performed=True, times=None))
    world.want(*crowd(3, "vip"))
    with pytest.raises(RetryLater):
        world.night()
    world.esp.faults.clear()
    world.esp.settle()
    assert len(world.esp.members("VIP")) == 3
    world.want(*crowd(2, "vip"))
    deliver.resolve_open_jobs(world.url, world.destination())
    world.night()
    assert len(world.esp.members("VIP")) == 2
    assert world.planned(world.plan()) == {}


def test_rows_that_a_400_names_are_put_aside_and_the_others_sent(world: World) -> None:
    world.want(*crowd(3, "vip"), Person("000", ["vip"]))
    assert world.night() == {"planned": 4, "sent": 4, "confirmed": 3, "rejected": 1}
    assert rejects(world) == [("000", "email '000' is not valid")]
    assert world.ledger() == world.held()


def test_a_batch_that_a_400_refuses_without_naming_rows_is_halved(world: World) -> None:
    world.esp.faults.add(Fault("400", method="PUT", body={"errors": [{"message": "no"}]}))
    world.want(*crowd(5, "vip"))
    assert world.night()["confirmed"] == 5
    assert requested(world) == [2, 3]


def test_halving_ends_with_the_single_row_put_aside(world: World) -> None:
    world.esp.faults.add(Fault("400", method="PUT", body="no", times=None))
    world.want(*crowd(3, "vip"))
    assert world.night()["rejected"] == 3
    assert {message for _, message in rejects(world)} == {"refused by the provider, which did not say why"}
    assert requested(world) == []


@pytest.mark.parametrize("kind", ["500", "reset_mid_body"])
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_a_request_that_took_effect_but_whose_answer_was_lost_is_repeated_without_harm(
    world: World, kind: str, method: str
) -> None:
    world.want(*crowd(3, "vip"))
    world.night()
    world.esp.faults.add(Fault(kind, method=method, performed=True))
    world.want(*crowd(2, "lapsed"))
    world.night()
    world.esp.settle()
    assert world.ledger() == world.held()
    assert sorted(lists for _, lists in world.held().values()) == [[], ["Lapsed"], ["Lapsed"]]


LASTING = [("429", RetryLater), ("500", RetryLater), ("reset_mid_body", RetryLater), ("timeout", RetryLater)]
FINAL = [("unauthorized", AccessDenied), ("forbidden", AccessDenied), ("truncated", AnswerUnreadable)]
NO_JSON = ("not_json", AnswerUnreadable)
CALLS = [("PUT", CONTACTS), ("GET", IMPORTS), ("POST", SEARCH), ("DELETE", "")]


@pytest.mark.parametrize(
    ("call", "fault"),
    [
        *((CALLS[0], fault) for fault in (*LASTING, *FINAL)),
        *((call, fault) for call in CALLS for fault in (LASTING[1], NO_JSON)),
    ],
)
def test_a_delivery_that_a_fault_ended_goes_on_where_it_was(
    world: World,
    call: tuple[str, str],
    fault: tuple[str, type[LifecycleError]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (method, path), (kind, error) = call, fault
    monkeypatch.setattr(web, "ATTEMPTS", 2)
    monkeypatch.setattr(sendgrid, "TIMEOUT", 0.2 if kind == "timeout" else 60)
    world.want(*crowd(2, "vip"))
    world.night()
    world.want(*crowd(1, "lapsed"), Person(ADA, ["vip"]))
    run_id = world.plan()
    world.esp.faults.add(Fault(kind, method=method, path=path, times=4))  # two requests at once, each tried twice
    with pytest.raises(error):
        world.deliver(run_id)
    monkeypatch.setattr(sendgrid, "TIMEOUT", 60)
    world.esp.faults.clear()
    assert world.deliver(run_id)["confirmed"] == 3
    assert world.ledger() == world.held()


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_what_a_failed_job_held_is_sent_again_by_the_next_attempt(world: World, method: str) -> None:
    world.want(*crowd(2, "vip"))
    world.night()
    world.want(*crowd(2, "lapsed"))
    run_id = world.plan()
    world.esp.faults.add(Fault("job_failed", method=method))
    with pytest.raises(RetryLater, match="rows left to send: 2"):
        world.deliver(run_id)
    assert ("upsert" if method == "PUT" else "remove", "failed") in jobs(world)
    assert world.deliver(run_id)["confirmed"] == 2
    assert world.ledger() == world.held()


def test_an_upsert_that_the_provider_does_not_know_is_sent_again(world: World) -> None:
    world.want(*crowd(2, "vip"))
    run_id = world.plan()
    world.esp.faults.add(Fault("404", path=IMPORTS))
    with pytest.raises(RetryLater):
        world.deliver(run_id)
    assert world.ledger() == {}
    world.deliver(run_id)
    assert jobs(world) == [("upsert", "failed"), ("upsert", "completed")]
    assert world.ledger() == world.held()


def test_an_open_job_that_was_lost_since_is_sent_again_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.want(*crowd(2, "vip"))
    run_id = world.plan()
    world.esp.faults.add(Fault("job_stuck", method="PUT"))
    with monkeypatch.context() as patience:
        patience.setattr(requests, "PATIENCE_SECONDS", 0.0)
        with pytest.raises(RetryLater):
            world.deliver(run_id)
    world.esp.store.run("delete from job")
    assert world.deliver(run_id)["confirmed"] == 2
    assert jobs(world) == [("upsert", "failed"), ("upsert", "completed")]
    assert world.ledger() == world.held()


def test_a_removal_that_the_provider_does_not_know_is_looked_up_on_the_list(world: World) -> None:
    world.begin(Pace(seconds=0.0))
    world.want(*crowd(2, "vip"))
    world.night()
    world.want(*crowd(2))
    world.esp.faults.add(Fault("404", path=IMPORTS, times=None))
    world.night()
    assert jobs(world)[-1] == ("remove", "completed")
    assert world.ledger() == world.held()


def test_an_unknown_removal_whose_people_stay_on_the_list_is_sent_again_in_the_end(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.want(*crowd(2, "vip"))
    world.night()
    world.want(*crowd(2))
    world.esp.faults.add(Fault("job_stuck", method="DELETE"), Fault("404", path=IMPORTS, times=None))
    monkeypatch.setattr(requests, "PATIENCE_SECONDS", 0.0)
    with pytest.raises(RetryLater):
        world.night()
    world.esp.faults.clear()
    world.esp.store.run("delete from job where status = 'pending'")
    world.night()
    assert jobs(world)[-2:] == [("remove", "failed"), ("remove", "completed")]
    assert world.ledger() == world.held()


def without(destination: Any, *names: str) -> Any:
    """The same destination, which can't do some things."""
    upserts = ("max_batch_size", "max_batch_bytes", "max_concurrency", "max_poll_seconds", "encoded", "upsert")
    can = ("name", *upserts, "outcome", "max_removals", "remove", "members_among", "contacts")
    return SimpleNamespace(**{name: getattr(destination, name) for name in can if name not in names})


def test_an_unknown_removal_is_sent_again_where_nobody_can_be_looked_up(world: World) -> None:
    world.begin(Pace(seconds=0.0))
    world.want(*crowd(2, "vip"))
    world.night()
    world.want(*crowd(2))
    destination, run_id = without(world.destination(), "members_among", "contacts"), world.plan()
    world.esp.faults.add(Fault("404", path=IMPORTS))
    with pytest.raises(RetryLater, match="rows left to send: 2"):
        world.deliver(run_id, destination)
    assert world.deliver(run_id, destination)["confirmed"] == 2
    assert jobs(world)[-2:] == [("remove", "failed"), ("remove", "completed")]
    assert world.ledger() == world.held()


def test_a_plan_in_which_somebody_leaves_is_not_sent_to_who_takes_nobody_off_a_list(world: World) -> None:
    destination = without(world.destination(), "remove", "max_removals")
    world.want(*crowd(2, "vip"))
    assert world.deliver(world.plan(), destination)["confirmed"] == 2
    world.want(Person("p0@example.com", ["vip"]), Person(BEN, ["vip"]))
    world.esp.faults.requests.clear()
    with pytest.raises(Stop, match="1 people would leave lists, and sendgrid takes nobody off a list"):
        world.deliver(world.plan(), destination)
    assert world.esp.faults.writes() == 0


def test_the_next_run_goes_on_with_a_job_that_was_pending_too_long(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "PATIENCE_SECONDS", 0.0)
    world.want(*crowd(2, "vip"))
    world.esp.faults.add(Fault("job_stuck", method="PUT"))
    with pytest.raises(RetryLater, match=r"1 job\(s\) still pending"):
        world.night()
    assert world.ledger() == {}
    with pytest.raises(RetryLater):
        deliver.resolve_open_jobs(world.url, world.destination())
    world.esp.store.run("update job set submitted = 0")
    assert deliver.resolve_open_jobs(world.url, world.destination()) == 1
    assert world.planned(world.plan()) == {}
    assert world.calls("PUT") == 1
    assert world.ledger() == world.held()


def test_only_memberships_that_are_ours_are_removed(world: World) -> None:
    world.esp.add_contact(EVE, lists=["VIP"])
    world.esp.add_contact(ADA, lists=["Lapsed", "Summer fair"])
    world.want(Person(ADA, ["vip"]), Person(BEN, ["vip"]))
    world.night()
    world.want()
    world.night()
    assert {email: lists for email, (_, lists) in world.held().items()} == {
        ADA: ["Lapsed", "Summer fair"],
        BEN: [],
        EVE: ["VIP"],
    }


@pytest.mark.parametrize("gone", ["delete from membership", "delete from contact"])
def test_a_person_who_is_gone_at_the_provider_needs_no_leaving(world: World, gone: str) -> None:
    world.want(Person(ADA, ["vip"]))
    world.night()
    world.esp.store.run(gone)
    world.want()
    assert world.night()["confirmed"] == 1
    assert world.calls("DELETE") == 0
    assert world.ledger() == {ADA: (STAGE, [])}


def test_more_people_leave_than_one_call_takes(world: World) -> None:
    world.want(*crowd(250, "vip"))
    world.night()
    world.want(*crowd(10, "vip"))
    assert world.night()["confirmed"] == 240
    assert world.calls("DELETE") == 3
    assert world.ledger() == world.held()


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
    for by, is_approved, said in (("eve", False, "rejected"), (None, True, "unanswered")):
        plan.record_approval(world.url, run_id, by=by, is_approved=is_approved)
        assert world.rows("select answer, answered_by, answered_at is not null from delivery.run") == [(said, by, True)]
        with pytest.raises(GuardTripped, match=said):
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
    with pytest.raises(GuardTripped, match="run 1 is out of date: run 2 was sent since"):
        world.deliver(late)
    assert world.held().keys() == {BEN}


def test_a_run_of_another_destination_is_no_plan_for_this_one(world: World) -> None:
    with pytest.raises(Stop, match="run 7 is not a plan for sendgrid"):
        world.deliver(7)


def test_several_requests_are_on_their_way_at_once(world: World) -> None:
    together, most, gate = 0, 0, threading.Condition()

    class Watched:
        def __init__(self) -> None:
            self.inner = dataclasses.replace(world.destination(), max_batch_size=2)

        def __getattr__(self, name: str) -> Any:
            return getattr(self.inner, name)

        def upsert(self, contacts: Any, lists: Any) -> str:
            nonlocal together, most
            with gate:
                together += 1
                most = max(most, together)
                gate.notify_all()
                gate.wait_for(lambda: together >= 3 or most >= 3, timeout=10)
            job = self.inner.upsert(contacts, lists)
            with gate:
                together -= 1
            return job

    world.want(*crowd(20, "vip"))
    world.deliver(world.plan(), Watched())
    assert most == 3
    assert requested(world) == [2] * 10
    assert world.ledger() == world.held()


def test_an_error_of_one_request_waits_for_those_on_their_way_and_ends_the_run(world: World) -> None:
    world.esp.faults.add(Fault("unauthorized", method="PUT", after=1))
    world.want(*crowd(8, "vip"))
    run_id, destination = world.plan(), dataclasses.replace(world.destination(), max_batch_size=2)
    with pytest.raises(AccessDenied):
        world.deliver(run_id, destination)
    assert {status for _, status in jobs(world)} <= {"submitted", "intended"}
    assert world.deliver(run_id, destination)["confirmed"] == 8
    assert world.ledger() == world.held()


def test_every_stay_on_a_list_is_kept_with_its_run_dates(world: World) -> None:
    before = RUN_DATE - timedelta(days=1)
    stays = "select list_name, entered_on, left_on, entered_run, left_run from delivery.membership order by 1"
    world.want(Person(ADA, ["vip", "lapsed"]))
    world.deliver(world.plan(before))
    world.want(Person(ADA, ["vip"]))
    world.night()
    assert world.rows(stays) == [("Lapsed", before, RUN_DATE, 1, 2), ("VIP", before, None, 1, None)]
    world.want(Person(ADA, ["vip", "lapsed"]))
    world.night()
    assert world.rows(stays)[0:2] == [("Lapsed", before, RUN_DATE, 1, 2), ("Lapsed", RUN_DATE, None, 3, None)]


def test_a_request_without_an_answer_may_have_begun_a_stay(world: World) -> None:
    world.esp.faults.add(Fault("500", method="PUT", times=None))
    world.want(Person(ADA, ["vip"]))
    with pytest.raises(RetryLater):
        world.night()
    deliver.resolve_open_jobs(world.url, world.destination())
    assert world.rows("select list_name, left_on from delivery.membership") == [("VIP", None)]


def test_a_person_who_has_another_address_leaves_with_the_former_one_first(world: World) -> None:
    world.want(Person(ADA, ["vip"]))
    world.night()
    world.want(Person(ADA, ["vip"], fields=STAGE | {"lifecycle_orders": 3}))
    world.run(f"update marts.contact_fields set email = '{BEN}'")
    run_id = world.plan()
    assert {email: row["change"] for email, row in world.planned(run_id).items()} == {ADA: "leave"}
    world.deliver(run_id)
    run_id = world.plan()
    assert {email: row["change"] for email, row in world.planned(run_id).items()} == {BEN: "create"}
    world.deliver(run_id)
    fields = STAGE | {"lifecycle_orders": 3}
    assert world.held() == {ADA: (STAGE, []), BEN: (fields, ["VIP"])}
    assert world.ledger() == {BEN: (fields, ["VIP"])}
    assert world.planned(world.plan()) == {}


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
    told = []
    for method in ("PUT", "DELETE", "POST"):
        world.esp.faults.add(*([Fault(kind, method=method, times=2)] if kind else []))
        try:
            world.night()
        except LifecycleError as error:
            told.append("".join(traceback.format_exception(error)) + repr(error.__context__))
        world.want(*crowd(1, "lapsed", lifecycle_last_category="heliotrope"))
    text = "\n".join([*told, caplog.text, *(repr(record.args) for record in caplog.records)])
    assert "run " in text
    assert [secret for secret in ("example.com", "000", "heliotrope", KEY, "Bearer") if secret in text] == []
