"""The delivery, over any nights and killed at any moment: the provider holds who is wanted."""

import os
import random
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from demo.chaos.watch import Interruption
from demo.esp import Pace
from tests.world import Person, World

EVE = "eve@example.com"
EVERYBODY = [f"p{number}@example.com" for number in range(4)]
STATES = st.dictionaries(
    st.sampled_from(EVERYBODY),
    st.tuples(st.sets(st.sampled_from(["vip", "at_risk", "lapsed"])), st.integers(0, 2)),
)


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(nights=st.lists(STATES, min_size=1, max_size=4), by_hand=st.sets(st.sampled_from(EVERYBODY)))
def test_after_any_nights_the_lists_hold_who_is_wanted_and_who_was_put_there_by_hand(
    world: World, nights: list[dict[str, tuple[set[str], int]]], by_hand: set[str]
) -> None:
    world.begin()
    for email in (EVE, *by_hand):
        world.esp.add_contact(email, lists=["VIP"])
    for wanted in nights:
        world.want(
            *(
                Person(email, audiences, fields={"lifecycle_orders": orders})
                for email, (audiences, orders) in wanted.items()
            )
        )
        world.night()
        by_hand -= {email for email, (audiences, _) in wanted.items() if "vip" in audiences}
        expected = {
            name: {email for email, (audiences, _) in wanted.items() if audience in audiences}
            | (by_hand | {EVE} if audience == "vip" else set())
            for audience, name in world.lists.items()
        }
        assert {name: world.esp.members(name) for name in expected} == expected
        assert world.planned(world.plan()) == {}


DELIVERY = """
import dataclasses, sys
from lifecycle import deliver, web
from tests.world import LISTS, FIELDS, provider
from lifecycle.destinations.sendgrid import writer as sendgrid
url, address, run_id = sys.argv[1:]
web._backoff = lambda _: 0.0
destination = sendgrid.connect(provider(address), LISTS.values(), FIELDS)
sys.stdin.readline()
deliver.run(url, dataclasses.replace(destination, max_batch_size=4), int(run_id))
"""


LOCKS = """
select from pg_locks
where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())
"""


def shuffled(chance: random.Random) -> list[Person]:
    """Some thirty people with random audiences and fields."""
    return [
        Person(
            f"p{number}@example.com",
            [name for name in ("vip", "at_risk", "lapsed") if chance.random() < 0.4],
            fields={"lifecycle_orders": chance.randrange(3)},
        )
        for number in range(30)
        if chance.random() < 0.8
    ]


def killed(world: World, chance: random.Random) -> None:
    """Plan, and deliver in a process that dies at one of its calls."""
    run_id = world.plan()
    command = [sys.executable, "-c", DELIVERY, world.url, world.address, str(run_id)]
    paths = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, stdin=subprocess.PIPE, env=paths) as victim:
        assert victim.stdin is not None
        moment = chance.choice(["before", "performed", "answered"])
        world.host.app = Interruption(world.esp.app, victim.kill, 2 + chance.randrange(1, 13), moment, is_end=True)
        victim.stdin.write(b"go\n")
        victim.stdin.close()
        assert victim.wait() == -9
    world.host.app = world.esp.app
    while world.rows(LOCKS):  # the server has yet to notice that the process is gone
        pass


@pytest.mark.parametrize("pace", [Pace(polls=0, seconds=None), Pace(polls=1, seconds=0.0)])
def test_a_delivery_that_is_killed_at_any_moment_ends_as_an_undisturbed_one(world: World, pace: Pace) -> None:
    chance = random.Random(20171231)  # noqa: S311 - the same moments every time
    world.begin(pace)
    for _ in range(3):
        people = shuffled(chance)
        world.want(*people)
        killed(world, chance)
        world.night()
        wanted = {person.email: sorted(world.lists[name] for name in person.audiences) for person in people}
        assert {email: lists for email, (_, lists) in world.held().items() if lists} == {
            email: lists for email, lists in wanted.items() if lists
        }
        assert world.ledger() == world.held()
        assert world.planned(world.plan()) == {}
