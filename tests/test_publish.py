"""The night's figures, as everybody reads them."""

from datetime import date, timedelta
from uuid import uuid4

from lifecycle import publish, reconcile
from tests.world import RULESET, RUN_DATE, Person, World

ADA, BEN = "ada@example.com", "ben@example.com"


def stages(world: World, day: date, ruleset: str = RULESET, **persons: int) -> None:
    for stage, count in persons.items():
        values = [ruleset, day, stage, count]
        world.database.execute("insert into marts.stage_daily values (%s, %s, %s, 0, 0, 0, %s)", values)


def moves(world: World, *transitions: tuple[str | None, str, str], ruleset: str = RULESET) -> None:
    for start, end, day in transitions:
        world.database.execute(
            "insert into marts.stage_transitions values (%s, %s, %s, %s, %s, %s)",
            [str(uuid4()), uuid4(), ruleset, start, end, day],
        )


def test_a_night_is_summed_up_and_stored_with_its_run(world: World) -> None:
    stages(world, RUN_DATE, active=5, lost=2)
    stages(world, date(2017, 12, 29), active=4, lost=3)
    moves(
        world,
        (None, "prospect", "2017-11-01"),
        ("prospect", "new", "2017-12-30"),
        ("prospect", "new", "2017-12-29"),
        ("new", "active", "2017-12-31"),
    )
    world.want(Person(ADA, ["vip"]), Person(BEN, held_out=["vip"]))
    run_id = world.plan()
    world.deliver(run_id)
    reconcile.run(world.url, world.destination(), run_id, ["VIP", "Lapsed"])
    summary = publish.run(world.url, run_id, RUN_DATE, RULESET)
    nobody = {"members": 0, "added": 0, "removed": 0, "held_out": 0}
    assert summary == {
        "date": "2017-12-30",
        "stages": {"active": 5, "lost": 2},
        "transitions": {"none->prospect": 1, "prospect->new": 2},
        "last_night": {"prospect->new": 1},
        "audiences": {
            "vip": {"members": 1, "added": 1, "removed": 0, "held_out": 1},
            "at_risk": nobody,
            "lapsed": nobody,
        },
        "delivery": {"planned": 1, "sent": 1, "confirmed": 1, "rejected": 0},
        "esp": {"VIP": 1, "Lapsed": 0},
    }
    assert world.rows("select summary from delivery.run where run_id = %s", run_id) == [(summary,)]


def test_a_night_in_which_nothing_happened_is_summed_up_as_such(world: World) -> None:
    summary = publish.run(world.url, world.plan(), RUN_DATE, RULESET)
    assert summary["stages"] == summary["transitions"] == summary["last_night"] == summary["esp"] == {}
    assert summary["delivery"] == {"planned": 0, "sent": 0, "confirmed": 0, "rejected": 0}


def test_the_stages_are_those_by_the_rule_set_for_everybody(world: World) -> None:
    stages(world, RUN_DATE, active=5)
    stages(world, RUN_DATE, ruleset="companies", active=1, lost=3)
    moves(world, ("new", "active", "2017-12-30"))
    moves(world, ("new", "active", "2017-12-30"), ("at_risk", "lost", "2017-12-30"), ruleset="companies")
    summary = publish.run(world.url, world.plan(), RUN_DATE, RULESET)
    assert summary["stages"] == {"active": 5}
    assert summary["transitions"] == summary["last_night"] == {"new->active": 1}


def test_what_is_older_than_it_is_kept_is_forgotten_and_what_counts_stays(world: World) -> None:
    refused = Person("000", ["vip"])
    world.want(Person(ADA, ["vip"]), Person(BEN, ["lapsed"], held_out=["vip"]), refused)
    world.night()
    world.want(Person(ADA, ["vip"]), Person(BEN, held_out=["vip"]), refused)
    world.night()
    world.rows("insert into access.person_view values (%s, 'jo', gen_random_uuid()) returning 1", RUN_DATE)
    ledger, counted = world.ledger(), "select count(*) from delivery."
    publish.clear_old_records(world.url, RUN_DATE + timedelta(days=30), 30)
    assert world.rows(counted + "plan") != [(0,)]
    publish.clear_old_records(world.url, RUN_DATE + timedelta(days=31), 30)
    for table in ("plan", "job", "job_row", "audience"):
        assert world.rows(counted + table) == [(0,)]
    assert world.rows("select count(*) from access.person_view") == [(0,)]
    assert world.ledger() == ledger
    assert world.rows("select email from delivery.reject") == [("000",)]
    assert world.rows("select list_name from delivery.membership") == [("VIP",)]
    assert sorted(world.rows("select outcome from delivery.decision")) == [("holdout",), ("member",), ("member",)]
    assert world.planned(world.plan()) == {}
