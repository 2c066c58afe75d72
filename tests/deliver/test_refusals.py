"""What a provider refuses, each at its own level, and what it never finishes."""

import dataclasses
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

import orjson
import pytest

from lifecycle import deliver, plan
from lifecycle.deliver import jobs as requests
from lifecycle.destinations import Outcome
from lifecycle.errors import AccessDenied, AccountRefused, GuardTripped, PlanOutdated, RetryLater, RowRejected
from lifecycle.testing.faults import Fault
from tests.deliver.support import ADA, BEN, crowd, jobs, rejects, requested
from tests.world import RUN_DATE, Person, World, rules

LIMIT = "you have hit your contact limit"
YEARS_AGO = "update delivery.job set submitted_at = submitted_at - interval '7 hours'"


class Watched:
    """A destination that counts how often each row is uploaded; a ``bad`` row makes its job or request fail unnamed."""

    def __init__(self, inner: Any, bad: str, *, at_once: bool) -> None:
        self.inner, self.bad, self.at_once = inner, bad.encode(), at_once
        self.uploads: Counter[str] = Counter()
        self.refused: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def upsert(self, contacts: Sequence[bytes], lists: Iterable[str]) -> str:
        self.uploads.update(orjson.loads(contact)["email"] for contact in contacts)
        is_bad = any(self.bad in contact for contact in contacts)
        if is_bad and self.at_once:
            message = "400, no row named"
            raise RowRejected(message, {})
        kept = [contact for contact in contacts if self.bad not in contact] or contacts
        job: str = self.inner.upsert(kept, lists)
        if is_bad:
            self.refused.add(job)
        return job

    def outcome(self, job: str) -> Outcome:
        outcome: Outcome = self.inner.outcome(job)
        return dataclasses.replace(outcome, rejected_count=1) if job in self.refused else outcome


@pytest.mark.parametrize("at_once", [True, False])
def test_a_bad_row_that_nobody_names_is_alone_in_the_end_and_costs_the_others_little(
    world: World, *, at_once: bool
) -> None:
    world.want(*crowd(64, "vip"))
    watched = Watched(world.destination(), "p17@example.com", at_once=at_once)
    assert world.deliver(world.plan(), watched) == {"planned": 64, "sent": 64, "confirmed": 63, "rejected": 1}
    assert [email for email, _ in rejects(world)] == ["p17@example.com"]
    assert max(watched.uploads.values()) <= 8
    assert sum(watched.uploads.values()) <= 3.1 * 64
    assert world.planned(world.plan()) == {}


def test_a_delivery_that_ends_between_two_halves_goes_on_with_the_other(world: World) -> None:
    world.want(*crowd(8, "vip"))
    run_id, watched = world.plan(), Watched(world.destination(), "p3@example.com", at_once=False)
    world.esp.faults.add(Fault("unauthorized", method="PUT", after=2))
    with pytest.raises(AccessDenied):
        world.deliver(run_id, watched)
    assert world.deliver(run_id, watched)["confirmed"] == 7
    assert max(watched.uploads.values()) <= 5


def test_one_named_row_after_the_other_halves_the_batch(world: World) -> None:
    world.esp.rules.names, world.esp.rules.refused_at = "first", "request"
    world.esp.rules.refused = {f"p{number}@example.com": "no such domain" for number in range(8)}
    world.want(*crowd(32, "vip"))
    assert world.night() == {"planned": 32, "sent": 32, "confirmed": 24, "rejected": 8}
    assert len(world.esp.members("VIP")) == 24


@pytest.mark.parametrize("level", ["row", "request"])
def test_a_limit_of_the_account_puts_nobody_aside_and_the_next_night_sends_them(world: World, level: Any) -> None:
    world.want(*crowd(3, "vip"))
    world.night()
    world.esp.rules.max_contacts, world.esp.rules.contact_limit = 5, level
    world.want(*crowd(9, "vip"))
    with pytest.raises(AccountRefused, match="contact limit"):
        world.night()
    assert rejects(world) == []
    world.esp.rules.max_contacts = None
    world.night()
    assert len(world.esp.members("VIP")) == 9


def test_one_reason_for_most_of_a_job_is_the_account_s_whatever_its_words(world: World) -> None:
    world.esp.faults.add(Fault("rows_rejected", method="PUT", rows=15, message="quux 7"))
    world.want(*crowd(20, "vip"))
    with pytest.raises(AccountRefused, match="15 of 20 people for a reason of the account: 'quux …'"):
        world.night()
    assert rejects(world) == []


def test_what_was_refused_is_planned_again_on_request(world: World) -> None:
    world.esp.rules.refused = {ADA: "no mailbox"}
    world.want(Person(ADA, ["vip"]))
    assert world.night()["rejected"] == 1
    assert world.planned(world.plan()) == {}
    again = plan.run(world.url, RUN_DATE, rules(), retry_refused=True)
    assert world.planned(again).keys() == {ADA}


def test_an_import_that_never_ends_holds_up_neither_leaving_nor_the_next_night(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "PATIENCE_SECONDS", 0.0)
    world.want(Person(BEN, ["vip"]))
    world.night()
    world.want(Person(ADA, ["vip"]))
    world.esp.faults.add(Fault("job_stuck", method="PUT", times=None))
    with pytest.raises(RetryLater):
        world.night()
    assert world.esp.members("VIP") == set()
    world.run(YEARS_AGO)
    world.esp.faults.clear()
    world.night()
    assert world.esp.members("VIP") == {ADA}
    assert ("upsert", "doubted") in jobs(world)
    assert world.rows("select reason, persons from delivery.doubt") == [("job pending", 1)] * 2
    world.esp.release_jobs()
    world.esp.finish_jobs()
    world.night()
    assert ("upsert", "doubted") not in jobs(world)


def test_whom_an_import_of_unknown_outcome_may_add_is_off_only_when_that_is_known(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "PATIENCE_SECONDS", 0.0)
    world.want(Person(ADA, ["vip"]))
    world.esp.faults.add(Fault("job_stuck", method="PUT"))
    with pytest.raises(RetryLater):
        world.night()
    world.run(YEARS_AGO)
    world.want()
    world.night()
    assert [lists for _, lists in world.ledger().values()] == [["VIP"]]
    world.esp.release_jobs()
    world.esp.finish_jobs()
    assert world.esp.members("VIP") == {ADA}
    world.night()
    assert world.esp.members("VIP") == set()


@pytest.mark.parametrize("times", [1, 2])
def test_a_search_that_misses_somebody_who_is_there_leaves_nobody_on_a_list(world: World, times: int) -> None:
    world.want(*crowd(3, "vip"))
    world.whole_night()
    world.esp.faults.add(Fault("search_misses", times=times))
    world.want(*crowd(1, "vip"))
    world.whole_night()
    assert world.esp.members("VIP") == {"p0@example.com"}


def test_an_address_that_is_too_long_to_be_searched_leaves_by_the_list_itself(world: World) -> None:
    longest = f"{'x' * 60}@{'y' * 50}.example.com"
    world.want(Person(longest, ["vip"]), *crowd(2, "vip"))
    world.whole_night()
    world.want(*crowd(1, "vip"))
    world.whole_night()
    assert world.esp.members("VIP") == {"p0@example.com"}


def test_contacts_that_are_shown_late_are_neither_missing_nor_sent_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lifecycle.reconcile.PATIENCE_SECONDS", 60.0)
    monkeypatch.setattr("lifecycle.reconcile.FIRST_PAUSE", 0.01)
    world.esp.rules.looks_until_found = 2
    world.want(*crowd(3, "vip"))
    world.whole_night()
    assert world.rows("select expected, found, missing from delivery.reconciliation where list_name = 'VIP'") == [
        (3, 3, 0)
    ]
    world.whole_night()
    assert requested(world) == [3]


def test_an_earlier_date_is_refused_once_a_later_night_was_delivered_in_part(world: World) -> None:
    late = RUN_DATE - timedelta(days=1)
    world.want(*crowd(2, "vip"))
    run_id = world.plan(RUN_DATE - timedelta(days=2))
    world.esp.faults.add(Fault("job_failed", method="PUT"))
    with pytest.raises(RetryLater):
        world.night()
    with pytest.raises(GuardTripped, match="run 1 is out of date"):
        world.deliver(run_id)
    assert "would turn the provider back" in (plan.stopped_by(world.url, world.plan(late)) or "")


def test_of_two_plans_the_later_one_is_sent(world: World) -> None:
    world.want(*crowd(1, "vip"))
    earlier = world.plan(RUN_DATE - timedelta(days=1))
    world.want(*crowd(2, "vip"))
    later = world.plan()
    with pytest.raises(GuardTripped, match="run 1 is out of date: run 2 was planned or sent since"):
        world.deliver(earlier)
    assert world.deliver(later)["confirmed"] == 2


def test_a_plan_that_is_too_old_is_made_anew_under_its_number(world: World) -> None:
    world.want(*crowd(1, "vip"))
    run_id = world.plan()
    world.run("update delivery.run set planned_at = planned_at - interval '25 hours'")
    with pytest.raises(PlanOutdated, match="run 1 was planned more than 24 hours ago"):
        world.deliver(run_id)
    world.want(*crowd(2, "vip"))
    plan.renew(world.url, run_id, rules())
    assert world.deliver(run_id)["confirmed"] == 2
    with pytest.raises(GuardTripped, match="was sent in part"):
        plan.renew(world.url, run_id, rules())


def test_a_plan_that_is_made_anew_keeps_only_an_approval_of_the_same_limits(world: World) -> None:
    world.want(*crowd(2, "vip"))
    overall = {"max_created": 1}
    run_id = world.plan(overall=overall)
    plan.record_approval(world.url, run_id, by="ada", is_approved=True)
    plan.renew(world.url, run_id, rules(overall=overall))
    assert world.rows("select answer from delivery.run") == [("approved",)]
    world.want(*crowd(3, "vip"))
    plan.renew(world.url, run_id, rules(overall=overall))
    assert world.rows("select answer from delivery.run") == [(None,)]


def test_an_audience_that_was_taken_out_of_the_file_is_in_the_plan_the_guards_and_the_question(world: World) -> None:
    world.want(*crowd(2, "vip"), Person(ADA, ["lapsed"]))
    world.night()
    del world.lists["vip"]
    world.want(Person(ADA, ["lapsed"]))
    run_id = world.plan()
    assert plan.stopped_by(world.url, run_id) == "list 'VIP' is no longer in the file: its 2 people would leave"
    figures = "select audience, list_name, removed, is_removed from delivery.audience where run_id = %s and removed > 0"
    assert world.rows(figures, run_id) == [("vip", "VIP", 2, True)]
    assert "| vip (no longer in the file) | 0 | 0 | 2 |" in plan.question(world.url, run_id)
    assert deliver.figures(world.database, run_id)["planned"] == 2
