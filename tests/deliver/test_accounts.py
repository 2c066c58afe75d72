"""What others do at the provider: lists, fields and contacts that vanish, another account, a state of days ago."""

from datetime import UTC, datetime

import pytest
from psycopg.types.json import Jsonb

from demo.esp import Esp
from lifecycle import deliver, plan, reconcile
from lifecycle.errors import GuardTripped
from lifecycle.testing.faults import Fault
from tests.deliver.support import ADA, BEN, EVE, STAGE, crowd
from tests.world import AT_ONCE, KEY, LEFT, RUN_DATE, Person, World

DOUBTS = "select reason, name, persons from delivery.doubt order by noticed_at, name"
MEMBERSHIPS = "select list_name, entered_run, left_run from delivery.membership order by entered_run, list_name"


def test_a_list_that_somebody_deleted_is_filled_again_and_that_is_no_new_contact(world: World) -> None:
    world.want(*crowd(2, "vip"))
    world.whole_night()
    world.esp.delete_list("VIP")
    world.want(Person("p0@example.com", ["vip"]), Person("p1@example.com"))
    world.whole_night()
    assert world.esp.members("VIP") == {"p0@example.com"}
    assert world.rows(DOUBTS) == [("list deleted", "VIP", 2)]
    assert sorted(world.rows("select entered_run, left_run is null from delivery.membership")) == [
        (1, False),
        (1, True),
    ]
    assert world.planned(world.plan()) == {}


def test_a_list_that_is_deleted_after_the_plan_stops_the_delivery(world: World) -> None:
    world.want(*crowd(2, "vip"))
    world.whole_night()
    world.want(*crowd(3, "vip"))
    run_id = world.plan()
    world.esp.delete_list("VIP")
    with pytest.raises(GuardTripped, match="deleted and made anew: VIP; plan again"):
        world.deliver(run_id)
    world.whole_night()
    assert len(world.esp.members("VIP")) == 3


def test_a_list_that_somebody_renamed_goes_on_by_its_id(world: World) -> None:
    world.want(*crowd(1, "vip"))
    world.whole_night()
    world.esp.rename_list("VIP", "Our best")
    world.want(*crowd(2, "vip"))
    world.whole_night()
    assert "VIP" not in world.esp.lists()
    assert len(world.esp.members("Our best")) == 2


def test_a_field_that_somebody_deleted_is_written_again(world: World) -> None:
    fields = STAGE | {"lifecycle_orders": 3}
    world.want(Person(ADA, ["vip"], fields=fields))
    world.whole_night()
    world.esp.delete_field("lifecycle_orders")
    world.whole_night()
    assert world.held() == {ADA: (fields, ["VIP"])}
    assert ("field deleted", "lifecycle_orders", 1) in world.rows(DOUBTS)


def test_a_contact_that_somebody_deleted_comes_back_whole(world: World) -> None:
    world.want(Person(ADA, ["vip", "lapsed"]), Person(BEN, ["vip"]))
    world.whole_night()
    world.esp.delete_contact(ADA)
    world.whole_night()
    assert world.held()[ADA] == (STAGE, ["Lapsed", "VIP"])
    assert {left for _, _, left in world.rows(MEMBERSHIPS)} == {None}
    assert world.planned(world.plan()) == {}


def test_a_contact_that_somebody_deleted_is_not_made_again_to_say_that_it_may_not_be_written_to(world: World) -> None:
    world.want(Person(ADA, ["vip"]))
    world.whole_night()
    world.esp.delete_contact(ADA)
    world.want()
    world.whole_night()
    assert world.held() == {}


@pytest.mark.parametrize("may_read", [True, False], ids=["named", "known by its lists"])
def test_another_account_has_a_ledger_of_its_own(world: World, *, may_read: bool) -> None:
    first = world.esp
    first.rules.may_read_username = may_read
    world.want(*crowd(3, "vip"))
    world.whole_night()
    second = Esp(key=KEY, pace=AT_ONCE, user_id=2)
    second.rules.may_read_username = may_read
    world.host.app, world.esp = second.app, second
    world.want(*crowd(1, "vip"))
    deliver.resolve_open_jobs(world.url, world.destination())
    run_id = world.plan(first_delivery_asks=True)
    assert (plan.stopped_by(world.url, run_id) or "").startswith("this account was never delivered to: 1 people")
    with pytest.raises(GuardTripped):
        world.deliver(run_id)
    world.host.app, world.esp = first.app, first
    world.whole_night()
    assert first.members("VIP") == {"p0@example.com"}
    assert world.rows(DOUBTS)[:2] == [("new account", None, 3), ("new account", None, 0)]


def test_a_plan_for_one_account_is_not_sent_to_another(world: World) -> None:
    world.want(*crowd(2, "vip"))
    world.whole_night()
    world.want(*crowd(3, "vip"))
    run_id = world.plan()
    other = Esp(key=KEY, pace=AT_ONCE, user_id=2)
    world.host.app = other.app
    with pytest.raises(GuardTripped, match="is planned for another account"):
        world.deliver(run_id)
    assert other.contacts() == {}


def test_whoever_may_not_be_written_to_is_taken_off_our_lists_whoever_put_them_there(world: World) -> None:
    world.want(Person(ADA, ["vip"]), Person(BEN, ["vip"]), Person("may@example.com", ["lapsed"]))
    world.whole_night()
    world.want(Person(BEN, ["vip"]), Person("may@example.com", ["lapsed"]))
    world.whole_night()
    for email in (ADA, EVE, "may@example.com"):
        world.esp.add_contact(email, lists=["VIP"])
    world.whole_night()
    assert world.esp.members("VIP") == {BEN, EVE, "may@example.com"}


def test_a_provider_that_was_taken_back_to_a_snapshot_is_brought_up_to_date(world: World) -> None:
    world.want(Person(ADA, ["vip"]), Person(BEN, ["vip"]))
    world.whole_night()
    snapshot = world.esp.snapshot()
    world.want(Person(BEN, ["lapsed"], fields={"lifecycle_stage": "lapsed"}), Person(EVE, ["vip"]))
    world.whole_night()
    held = world.held()
    world.esp.restore(snapshot)
    for _ in range(2):
        world.whole_night()
    assert {email: contact for email, contact in world.held().items() if email in held} == held
    assert world.ledger() == world.held()


def test_a_warehouse_that_was_restored_writes_everybody_again(world: World) -> None:
    world.want(Person(ADA, ["vip"]))
    world.whole_night()
    kept = world.rows("select account_id, person_id, email, fields, lists from delivery.ledger")
    world.want(Person(BEN, ["vip"], fields={"lifecycle_stage": "lapsed"}))
    world.whole_night()
    world.run("delete from delivery.ledger; update delivery.installation set table_oid = 1")
    for account_id, person_id, email, fields, lists in kept:
        world.database.execute(
            "insert into delivery.ledger values (%s, %s, %s, %s, true, now(), 1, %s)",
            [person_id, email, Jsonb(fields), lists, account_id],
        )
    for _ in range(2):
        world.whole_night()
    assert world.held() == {ADA: (LEFT, []), BEN: ({"lifecycle_stage": "lapsed"}, ["VIP"])}
    assert ("warehouse restored", None, 1) in world.rows(DOUBTS)
    assert world.planned(world.plan()) == {}


def test_whoever_is_suppressed_after_the_plan_joins_nothing_and_leaves(world: World) -> None:
    world.want(Person(BEN, ["vip"]))
    world.whole_night()
    world.want(Person(ADA, ["vip"]), Person(BEN, ["vip"]))
    run_id = world.plan()
    for email in (ADA, BEN):
        world.esp.suppress("unsubscribes", email, datetime(2017, 12, 31, 5, tzinfo=UTC))
    world.deliver(run_id)
    assert world.held() == {BEN: (LEFT, [])}
    assert world.rows("select run_date from delivery.run where delivered_at is not null") == [(RUN_DATE,)] * 2


def test_a_key_that_may_not_read_suppressions_still_writes(world: World) -> None:
    world.esp.faults.add(Fault("forbidden", path="/suppression/|/asm/", times=None))
    world.want(Person(ADA, ["vip"]))
    assert world.deliver(world.plan())["confirmed"] == 1


def test_whoever_withdraws_or_is_held_out_after_the_plan_joins_nothing_and_leaves_by_the_next_one(world: World) -> None:
    held_out = {"lifecycle_contactable": "held out"}
    world.want(Person(EVE, ["lapsed"]))
    world.whole_night()
    world.want(Person(ADA, ["vip"]), Person(BEN, ["vip"]), Person(EVE, ["vip"]), *crowd(1, "vip"))
    run_id = world.plan()
    world.want(Person(BEN, held_out=["vip"], fields=held_out), *crowd(1, "vip"))
    world.deliver(run_id)
    assert world.held() == {EVE: (STAGE, []), "p0@example.com": (STAGE, ["VIP"])}
    world.whole_night()
    assert world.held() == {EVE: (LEFT, []), "p0@example.com": (STAGE, ["VIP"])}


def test_whoever_left_and_is_back_on_a_list_by_a_snapshot_leaves_again(world: World) -> None:
    world.want(Person(ADA, ["vip"]), Person(BEN, ["vip"]))
    world.whole_night()
    snapshot = world.esp.snapshot()
    world.want(Person(ADA, ["lapsed"]), Person(BEN, ["vip"]))
    world.whole_night()
    world.esp.restore(snapshot)
    for _ in range(2):
        world.whole_night()
    assert world.held() == {ADA: (STAGE, ["Lapsed"]), BEN: (STAGE, ["VIP"])}


def test_after_a_warehouse_was_restored_each_list_is_read_until_a_night_has_ended(world: World) -> None:
    world.want(Person(ADA, ["vip"]), Person(BEN, ["vip"]))
    world.whole_night()
    assert reconcile.differing_lists(world.url, world.destination()) == []
    world.run("update delivery.installation set table_oid = 1")
    for _ in range(2):
        deliver.resolve_open_jobs(world.url, world.destination())
        assert "VIP" in reconcile.differing_lists(world.url, world.destination())
    world.whole_night()
    assert reconcile.differing_lists(world.url, world.destination()) == []


def test_what_a_restored_warehouse_has_forgotten_is_taken_off_every_list(world: World) -> None:
    world.want(Person(ADA, ["vip"]), Person(BEN, ["vip"]), Person(EVE, ["vip", "lapsed"]), *crowd(1, *world.lists))
    world.whole_night()
    world.run("update delivery.installation set table_oid = 1; delete from delivery.membership")
    world.run("update delivery.ledger set lists = '{VIP}'; delete from delivery.ledger where email = 'p0@example.com'")
    world.run("create table marts.known as select person_id, email from marts.contact_fields")
    world.want(Person(ADA, ["vip"]), Person(BEN), Person(EVE), Person("p0@example.com"))
    world.run("create or replace view marts.persons as table marts.known")
    try:
        for _ in range(2):
            world.whole_night()
    finally:
        world.run("drop view marts.persons; drop table marts.known")
    assert {email: lists for email, (_, lists) in world.held().items() if lists} == {ADA: ["VIP"]}


def test_after_provider_and_warehouse_were_restored_whoever_had_left_can_not_be_found(world: World) -> None:
    world.want(Person(ADA, ["vip"]))
    world.whole_night()
    snapshot = world.esp.snapshot()
    world.want()
    world.whole_night()
    world.esp.restore(snapshot)
    world.esp.leave_list("VIP", ADA)
    world.run("update delivery.installation set table_oid = 1")
    world.whole_night()
    assert world.held() == {ADA: (LEFT, [])}


def test_what_greets_is_never_emptied_and_is_no_difference(world: World) -> None:
    greeted = STAGE | {"first_name": "Ada"}
    world.want(Person(ADA, ["vip"], fields=greeted))
    world.whole_night()
    assert world.esp.contacts()[ADA]["first_name"] == "Ada"
    world.want(Person(ADA, ["vip"]))
    world.whole_night()
    world.want()
    world.whole_night()
    assert (world.esp.contacts()[ADA]["first_name"], world.held()[ADA]) == ("Ada", (LEFT, []))


def test_a_name_from_the_provider_s_own_form_makes_nobody_ours(world: World) -> None:
    world.run("create table marts.persons (person_id uuid, email text)")
    world.run(f"insert into marts.persons values ('{Person(EVE).person_id}', '{EVE}')")
    try:
        world.want(Person(ADA, ["vip"]), Person(EVE))
        world.whole_night()
        world.esp.add_contact(EVE, lists=["VIP"], first_name="Eve")
        world.whole_night()
        assert world.esp.members("VIP") == {ADA, EVE}
    finally:
        world.run("drop table marts.persons")
