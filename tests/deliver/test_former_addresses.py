"""A warehouse that knew an address by several forms is upgraded: people go on by one id, no contact is forgotten."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import pytest

from lifecycle import warehouse
from tests.dbt.recount import uuid_of
from tests.deliver.support import EVE, STAGE
from tests.world import LEFT, RUN_DATE, World
from tests.world import Person as AnyPerson

UMLAUT, ENCODED = "info@müller.de", "info@xn--mller-kva.de"
#: What the migration has made that gives an address one form.
UNDO_MIGRATION = """
drop table delivery.former_person cascade;
drop function raw.normalized_email, raw.normalized_unicode_email, raw.punycode;
delete from migrations.applied where name = '0010_one_address.sql';
"""
TABLES = """
select table_schema || '.' || table_name from information_schema.columns
inner join information_schema.tables using (table_schema, table_name)
where table_schema in ('delivery', 'access') and column_name = 'person_id' and table_type = 'BASE TABLE'
    and table_name <> 'former_person'
"""
DRIFT = "select list_name, missing, extra, different from delivery.reconciliation where run_id = %s order by 1"


def person_id(email: str) -> UUID:
    return uuid_of(f"email:{email}")


@dataclass(frozen=True)
class Person(AnyPerson):
    """Whose id is that of their address, as in the marts."""

    @property
    def person_id(self) -> UUID:
        return person_id(self.email)


@pytest.fixture
def upgraded(world: World) -> Iterator[World]:
    """A warehouse to which each form of an address is another one, until ``upgrade``."""
    yield world
    world.run("truncate delivery.former_person, access.person_view")


def upgrade(world: World) -> None:
    world.run(UNDO_MIGRATION)
    warehouse.prepare(world.url, [])


def nights(world: World, count: int, *people: Person) -> int:
    """Nights in which the marts want these people; the last one's run."""
    world.want(*people)
    for number in range(count):
        world.whole_night(RUN_DATE + timedelta(days=number))
    return int(world.rows("select max(run_id) from delivery.run")[0][0])


def test_the_contact_of_a_former_address_leaves_before_the_present_one_comes(upgraded: World) -> None:
    eve = Person(EVE, ["vip"])
    nights(upgraded, 1, Person(UMLAUT, ["vip"]), eve)
    assert upgraded.held()[UMLAUT] == (STAGE, ["VIP"])
    upgrade(upgraded)
    present = Person(ENCODED, ["vip"])
    nights(upgraded, 1, present, eve)
    assert upgraded.held() == {UMLAUT: (LEFT, []), EVE: (STAGE, ["VIP"])}
    nights(upgraded, 1, present, eve)
    assert upgraded.held() == {UMLAUT: (LEFT, []), ENCODED: (STAGE, ["VIP"]), EVE: (STAGE, ["VIP"])}
    run_id = nights(upgraded, 1, present, eve)
    assert upgraded.planned(run_id) == {}
    assert upgraded.rows(DRIFT, run_id) == [("At risk", 0, 0, 0), ("Lapsed", 0, 0, 0), ("VIP", 0, 0, 0)]


@pytest.mark.parametrize("audiences", [[], ["lapsed"], ["vip"], ["vip", "lapsed"]], ids=str)
def test_of_two_contacts_the_former_one_leaves_and_the_present_one_is_written_whole(
    upgraded: World, audiences: list[str]
) -> None:
    nights(upgraded, 1, Person(UMLAUT, ["vip", "lapsed"]), Person(ENCODED, ["lapsed"]))
    upgrade(upgraded)
    present = Person(ENCODED, audiences, fields={"lifecycle_stage": "lapsed"})
    lists = sorted(upgraded.lists[name] for name in audiences)
    run_id = nights(upgraded, 3, present)
    assert upgraded.held() == {UMLAUT: (LEFT, []), ENCODED: ({"lifecycle_stage": "lapsed"}, lists)}
    assert upgraded.planned(run_id) == {}
    assert [figures for _, *figures in upgraded.rows(DRIFT, run_id)] == [[0, 0, 0]] * 3
    assert upgraded.rows("select list_name from delivery.membership where left_run is null order by 1") == [
        (name,) for name in lists
    ]


def test_who_refused_under_one_form_is_on_no_list_under_any(upgraded: World) -> None:
    nights(upgraded, 1, Person(UMLAUT, ["vip"]), Person(ENCODED, ["lapsed"]))
    upgrade(upgraded)
    nights(upgraded, 1, Person(ENCODED, excluded={"vip": "no consent"}, is_refused=True))
    assert upgraded.held() == {UMLAUT: (LEFT, []), ENCODED: (LEFT, [])}
    assert upgraded.rows("select from delivery.membership where left_run is null") == []


def test_what_was_decided_and_done_is_known_by_the_present_id(upgraded: World) -> None:
    former, present = person_id(UMLAUT), person_id(ENCODED)
    nights(upgraded, 1, Person(UMLAUT, ["vip"], held_out=["lapsed"]))
    audit = "select event, list_name from delivery.audit where person_id = %s order by at, event"
    events = upgraded.rows(audit, former)
    upgraded.rows("select access.record('ada', %s)", former)
    upgrade(upgraded)
    assert upgraded.rows("select former_id, person_id from delivery.former_person") == [(former, present)]
    assert upgraded.rows(audit, present) == events
    assert len(events) >= 4
    for (table,) in upgraded.rows(TABLES):
        assert upgraded.rows(f"select from {table} where person_id = %s", former) == [], table


def test_of_two_decisions_about_one_audience_the_stricter_one_holds(upgraded: World) -> None:
    nights(upgraded, 1, Person(UMLAUT, ["vip"], held_out=["lapsed"]), Person(ENCODED, ["lapsed"], held_out=["vip"]))
    upgrade(upgraded)
    holding = "select audience, person_id, outcome from delivery.decision where until_run is null order by 1"
    assert upgraded.rows(holding) == [(name, person_id(ENCODED), "holdout") for name in ("lapsed", "vip")]
