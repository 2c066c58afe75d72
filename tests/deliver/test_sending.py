"""What is sent: the provider ends up as planned, in full batches, and the ledger is what it confirmed."""

import dataclasses
import threading
from datetime import timedelta
from typing import Any

import pytest

from lifecycle import deliver
from lifecycle.destinations.sendgrid import writer as sendgrid
from lifecycle.errors import RetryLater
from lifecycle.testing.faults import Fault
from tests.deliver.support import ADA, BEN, EVE, STAGE, crowd, rejects, requested
from tests.world import LEFT, RUN_DATE, Person, World, provider


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


def test_a_night_with_nothing_to_send_makes_no_writing_call(world: World) -> None:
    world.want(*crowd(3, "vip"))
    world.night()
    world.esp.faults.requests.clear()
    assert world.night() == {"planned": 0, "sent": 0, "confirmed": 0, "rejected": 0}
    assert world.esp.faults.writes() == 0


def test_rows_that_the_provider_refuses_are_put_aside_with_its_message(world: World) -> None:
    world.esp.faults.add(Fault("rows_rejected", method="PUT", rows=1, message="mailbox is a role account"))
    world.want(*crowd(3, "vip"))
    assert world.night() == {"planned": 3, "sent": 3, "confirmed": 2, "rejected": 1}
    ((email, message),) = rejects(world)
    assert message == "mailbox is a role account"
    assert world.ledger() == world.held()
    assert email not in world.ledger()


def test_only_memberships_that_are_ours_are_removed(world: World) -> None:
    world.esp.add_contact(EVE, lists=["VIP"])
    world.esp.add_contact(ADA, lists=["Lapsed", "Summer fair"])
    world.want(Person(ADA, ["vip"]), Person(BEN, ["vip"]))
    world.night()
    world.want(Person(ADA), Person(BEN))
    world.night()
    assert {email: lists for email, (_, lists) in world.held().items()} == {
        ADA: ["Lapsed", "Summer fair"],
        BEN: [],
        EVE: ["VIP"],
    }


def test_more_people_leave_than_one_call_takes(world: World) -> None:
    world.want(*crowd(250, "vip"))
    world.night()
    world.want(*crowd(10, "vip"))
    assert world.night()["confirmed"] == 240
    assert world.calls("DELETE") == 3
    assert world.ledger() == world.held()


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


def test_every_membership_of_a_list_is_kept_with_its_run_dates(world: World) -> None:
    before = RUN_DATE - timedelta(days=1)
    memberships = "select list_name, entered_on, left_on, entered_run, left_run from delivery.membership order by 1"
    world.want(Person(ADA, ["vip", "lapsed"]))
    world.deliver(world.plan(before))
    world.want(Person(ADA, ["vip"]))
    world.night()
    assert world.rows(memberships) == [("Lapsed", before, RUN_DATE, 1, 2), ("VIP", before, None, 1, None)]
    world.want(Person(ADA, ["vip", "lapsed"]))
    world.night()
    assert world.rows(memberships)[0:2] == [("Lapsed", before, RUN_DATE, 1, 2), ("Lapsed", RUN_DATE, None, 3, None)]


def test_a_request_without_an_answer_may_have_begun_a_membership(world: World) -> None:
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
    assert world.held() == {ADA: (LEFT, []), BEN: (fields, ["VIP"])}
    assert world.ledger() == {BEN: (fields, ["VIP"])}
    assert world.planned(world.plan()) == {}
