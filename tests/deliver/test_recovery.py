"""Refused rows, faults and lost responses: the next attempt goes on where the last one ended, without harm."""

import dataclasses
from typing import Any

import pytest

from demo.esp import Pace
from lifecycle import deliver, web
from lifecycle.deliver import jobs as requests
from lifecycle.destinations import Outcome
from lifecycle.destinations.sendgrid import writer as sendgrid
from lifecycle.errors import AccessDenied, AnswerUnreadable, LifecycleError, RetryLater
from lifecycle.testing.faults import Fault
from tests.deliver.support import ADA, CONTACTS, IMPORTS, SEARCH, crowd, jobs, rejects, requested, without
from tests.world import LEFT, Person, World

LASTING = [("429", RetryLater), ("500", RetryLater), ("reset_mid_body", RetryLater), ("timeout", RetryLater)]
FINAL = [("unauthorized", AccessDenied), ("forbidden", AccessDenied), ("truncated", AnswerUnreadable)]
NO_JSON = ("not_json", AnswerUnreadable)
CALLS = [("PUT", CONTACTS), ("GET", IMPORTS), ("POST", SEARCH), ("DELETE", "")]


def test_who_is_refused_after_a_lost_answer_is_not_forgotten(world: World) -> None:
    world.want(Person(ADA, ["vip"]))
    performed = Fault("503", method="PUT", performed=True)
    world.esp.faults.add(performed, Fault("rows_rejected", method="PUT", rows=1, message="no"))
    assert world.night()["rejected"] == 1
    world.esp.finish_jobs()
    assert world.held()[ADA][1] == ["VIP"]  # by the request that was answered with 503
    world.want()
    world.night()
    assert world.held()[ADA][1] == []


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


def test_a_delivery_that_is_repeated_sends_nothing(world: World) -> None:
    world.want(*crowd(3, "vip"))
    run_id = world.plan()
    first = world.deliver(run_id)
    world.esp.faults.requests.clear()
    assert world.deliver(run_id) == first
    assert world.esp.faults.writes() == 0


def test_a_job_in_which_every_row_is_refused_is_not_sent_again(world: World) -> None:
    world.esp.faults.add(Fault("rows_rejected", method="PUT", rows=3, message="no"))
    world.want(*crowd(3, "vip"))
    assert world.night() == {"planned": 3, "sent": 3, "confirmed": 0, "rejected": 3}
    assert world.calls("PUT") == 1
    assert world.ledger() == {}


def test_people_of_a_job_whose_refused_rows_are_not_all_named_are_sent_again_by_halves(world: World) -> None:
    world.esp.faults.add(Fault("rows_rejected", method="PUT", rows=2), Fault("not_json", path="/_files/"))
    world.want(*crowd(3, "vip"))
    assert world.night() == {"planned": 3, "sent": 3, "confirmed": 3, "rejected": 0}
    assert requested(world) == [3, 1, 2]
    assert world.ledger() == world.held()


def test_who_may_be_on_a_list_by_a_lost_request_is_taken_off_when_contact_is_no_longer_allowed(world: World) -> None:
    world.esp.faults.add(Fault("500", method="PUT", performed=True, times=None))
    world.want(*crowd(3, "vip"))
    with pytest.raises(RetryLater):
        world.night()
    world.esp.faults.clear()
    world.esp.finish_jobs()
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
    world.esp.finish_jobs()
    assert world.ledger() == world.held()
    assert sorted(lists for _, lists in world.held().values()) == [[], ["Lapsed"], ["Lapsed"]]


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


@pytest.mark.parametrize(("method", "times"), [("PUT", 1), ("DELETE", 2)])
def test_what_a_failed_job_held_is_sent_again_by_the_next_attempt(world: World, method: str, times: int) -> None:
    world.want(*crowd(2, "vip"))
    world.night()
    world.want(*crowd(2, "lapsed"))
    run_id = world.plan()
    world.esp.faults.add(Fault("job_failed", method=method, times=times))
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


def test_a_removal_that_the_provider_does_not_know_is_asked_for_again(world: World) -> None:
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


def test_an_unknown_removal_is_sent_again_where_nobody_can_be_looked_up(world: World) -> None:
    world.begin(Pace(seconds=0.0))
    world.want(*crowd(2, "vip"))
    world.night()
    world.want(*crowd(2))
    destination, run_id = without(world.destination(), "members_among", "contacts"), world.plan()
    world.esp.faults.add(Fault("404", path=IMPORTS))
    assert world.deliver(run_id, destination)["confirmed"] == 2
    assert [each for each in jobs(world) if each[0] == "remove"] == [("remove", "failed"), ("remove", "completed")]
    assert world.ledger() == world.held()


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


@pytest.mark.parametrize("gone", ["delete from membership", "delete from contact"])
def test_a_person_who_is_gone_at_the_provider_needs_no_leaving(world: World, gone: str) -> None:
    world.want(Person(ADA, ["vip"]))
    world.night()
    world.esp.store.run(gone)
    world.want()
    assert world.night()["confirmed"] == 1
    assert world.calls("DELETE") == 0
    assert world.held() == ({} if gone == "delete from contact" else {ADA: (LEFT, [])})
    assert [lists for _, lists in world.ledger().values()] == [[]]


def test_an_error_of_one_request_waits_for_those_on_their_way_and_ends_the_run(world: World) -> None:
    world.esp.faults.add(Fault("unauthorized", method="PUT", after=1))
    world.want(*crowd(8, "vip"))
    run_id, destination = world.plan(), dataclasses.replace(world.destination(), max_batch_size=2)
    with pytest.raises(AccessDenied):
        world.deliver(run_id, destination)
    assert {status for _, status in jobs(world)} <= {"submitted", "intended"}
    assert world.deliver(run_id, destination)["confirmed"] == 8
    assert world.ledger() == world.held()
