"""One seed: three simulated nights in which everything fails that can."""

import random
import signal
import threading
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from subprocess import Popen
from typing import Self

from starlette.types import ASGIApp, Receive, Scope, Send

from demo import postgres
from demo.chaos.night import TROUBLE, Night
from demo.chaos.night import run as do_night
from demo.chaos.simulation import Simulation
from lifecycle.testing.server import AppHost, running

NIGHTS = 3
MOST_TRIES = 40
#: A process that has everything imported, and from which each night is forked.
FORKS = get_context("forkserver")
FORKS.set_forkserver_preload(["demo.chaos.night", "dlt", "pyarrow"])


@dataclass
class Result:
    """What came of one seed."""

    seed: int
    faults: Counter[str] = field(default_factory=Counter)
    kills: int = 0
    attempts: int = 0
    differences: list[str] = field(default_factory=list)
    suppressed_contacted: int = 0


class Hosts:
    """A server for the shop and one for the provider; what they serve changes from seed to seed."""

    def __enter__(self) -> Self:
        """Start both."""
        self._stack = ExitStack()
        self.shop, self.esp = AppHost(), AppHost()
        for host in (self.shop, self.esp):
            host.address = self._stack.enter_context(running(host))
        return self

    def come_to_rest(self) -> None:
        """Wait until both have done what a killed night asked of them: later, it would be the next day's."""
        self.shop.come_to_rest()
        self.esp.come_to_rest()

    def __exit__(self, *_: object) -> None:
        """Stop both."""
        self._stack.close()


class Killer:
    """Hands calls on to a server, and kills a process at one of them: before it, or around its answer."""

    def __init__(self, app: ASGIApp, victim: "BaseProcess | Popen[bytes]", calls: int, moment: str) -> None:
        self.app, self.victim, self.calls, self.moment = app, victim, calls, moment

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on one call."""
        self.calls -= 1
        if self.calls:
            await self.app(scope, receive, send)
            return
        if self.moment != "before":
            await self.app(scope, receive, send if self.moment == "answered" else _nowhere)
        self.victim.kill()


async def _nowhere(_: object) -> None:
    pass


def run(seed: int, url: str, hosts: Hosts) -> Result:
    """Run the seed's nights in an empty database; the same seed has the same faults at the same calls."""
    dice = random.Random(seed)  # noqa: S311 - the same every time
    simulation, result = Simulation(url, dice, is_extracted=seed % 4 == 0), Result(seed)
    hosts.shop.app, hosts.esp.app = simulation.shop.app, simulation.reader
    for number in range(NIGHTS):
        simulation.next_day()
        simulation.land()
        night = Night(url, hosts.shop.address, hosts.esp.address, simulation.run_date, simulation.is_extracted)
        simulation.switch_faults_on()
        for _ in range(dice.randint(1, 3)):
            _attempt(night, simulation, hosts, result, is_killed=dice.choice([True, True, False]))
        hosts.come_to_rest()
        result.faults += simulation.switch_faults_off()
        if number == NIGHTS - 1:
            simulation.everybody_changes()
            simulation.land()
        result.suppressed_contacted += simulation.suppressed_contacted()
        if not _ends_well(night, simulation, hosts, result):
            return result
        result.suppressed_contacted += simulation.suppressed_contacted()
    result.differences += simulation.differences()
    simulation.esp.faults.requests.clear()
    if not _ends_well(night, simulation, hosts, result):
        return result
    writes = sum(count for call, count in simulation.esp.faults.requests.items() if call.startswith(("PUT", "DELETE")))
    result.differences += [f"{writes} writing calls by a night that has nothing to send"] if writes else []
    return result


def run_in_its_database(home: Path, seed: int) -> Result:
    """Run a seed in a database that is made for it and deleted after it."""
    database = f"chaos_{seed}"
    postgres.drop_database(home, database)
    with Hosts() as hosts:
        result = run(seed, postgres.create_database(home, database), hosts)
    postgres.drop_database(home, database)
    return result


def _ends_well(night: Night, simulation: Simulation, hosts: Hosts, result: Result) -> bool:
    for _ in range(MOST_TRIES):
        if _attempt(night, simulation, hosts, result, is_killed=False) == 0:
            return True
        time.sleep(0.05)
    result.differences.append(f"the night of {night.run_date} does not end well")
    return False


def _attempt(night: Night, simulation: Simulation, hosts: Hosts, result: Result, *, is_killed: bool) -> int | None:
    """Do a night in a process, which may be killed; its exit code."""
    victim = FORKS.Process(target=do_night, args=(night,))
    dice, seconds = simulation.dice, 0.0
    if is_killed:
        moment, calls = dice.choice(["before", "performed", "answered", "anytime"]), dice.randint(1, 40)
        servers: list[tuple[AppHost, ASGIApp]] = [(hosts.esp, simulation.reader), (hosts.shop, simulation.shop.app)]
        host, app = servers[dice.randrange(2) if simulation.is_extracted else 0]
        if moment == "anytime":
            seconds = dice.uniform(0.01, 1)
        else:
            host.app = Killer(app, victim, calls, moment)
    victim.start()
    if seconds:
        threading.Timer(seconds, victim.kill).start()
    victim.join()
    hosts.shop.app, hosts.esp.app = simulation.shop.app, simulation.reader
    result.attempts += 1
    result.kills += victim.exitcode == -signal.SIGKILL
    if victim.exitcode not in (0, TROUBLE, -signal.SIGKILL):
        result.differences.append(f"a night ended with {victim.exitcode}")
    return victim.exitcode
