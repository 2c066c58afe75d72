"""One seed: simulated nights in which everything fails that can, and quiet ones after them."""

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Literal, Self

from starlette.types import ASGIApp

from demo import postgres
from demo.chaos import invariants
from demo.chaos.night import AUDIENCES, TROUBLE, WAITING, Night
from demo.chaos.night import run as do_night
from demo.chaos.server import Server
from demo.chaos.simulation import Simulation
from demo.chaos.trouble import Trouble
from demo.chaos.watch import Interruption
from lifecycle import plan
from lifecycle.testing.server import AppHost, running

DAYS, QUIET_DAYS = 4, 3
MOST_TRIES = 15
#: A process that has everything imported, and from which each night is forked.
FORKS = get_context("forkserver")
FORKS.set_forkserver_preload(["demo.chaos.night", "dlt", "pyarrow"])
HOW = ("plain", "killed", "killed", "meddled", "meddled", "restarted", "full disk", "two at once", "other account")
READS = ("GET", "HEAD", "POST /v3/marketing/contacts/search", "POST /v3/marketing/contacts/exports")


@dataclass
class Result:
    """What came of one seed."""

    seed: int
    faults: Counter[str] = field(default_factory=Counter)
    kills: int = 0
    restarts: int = 0
    restores: int = 0
    nights: int = 0
    differences: list[str] = field(default_factory=list)
    suppressed_contacted: int = 0
    findable_refused: int = 0
    foreign_touched: int = 0


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


def run_in_its_database(home: Path, seed: int) -> Result:
    """Run a seed in a database that is made for it and deleted after it."""
    server = Server(home, f"chaos_{seed}")
    server.create()
    with Hosts() as hosts:
        result = Course(seed, server, hosts).run()
    server.close()
    return result


def run_on_own_server(folder: Path, seed: int) -> Result:
    """Run a seed on the server of this process, which nobody else uses: it is restarted at any moment."""
    home = folder / str(os.getpid()) / "postgres"
    postgres.start(home)
    return run_in_its_database(home, seed)


class Course:
    """The nights of one seed; the same seed has the same faults at the same calls."""

    def __init__(self, seed: int, server: Server, hosts: Hosts) -> None:
        self.dice = random.Random(seed)  # noqa: S311 - the same every time
        self.server, self.hosts, self.result = server, hosts, Result(seed)
        self.simulation = Simulation(server.url, self.dice, is_extracted=seed % 4 == 0)
        self.trouble = Trouble(self.simulation, self.result.faults)
        self._at_rest()

    def run(self) -> Result:
        """Days of trouble, then quiet ones, after which everything must be right."""
        for number in range(DAYS):
            self._day(number)
        simulation, result = self.simulation, self.result
        simulation.audiences = tuple(AUDIENCES) if self.dice.choice([True, False]) else simulation.audiences
        for number in range(QUIET_DAYS):
            simulation.next_day(is_quiet=True)
            if not self._ends_well(retry_refused=number == 0):
                return result
        result.differences += invariants.differences(simulation)
        findable, foreign = invariants.findable(simulation), invariants.foreign(simulation)
        result.findable_refused, result.foreign_touched = len(findable), len(foreign)
        result.differences += findable + foreign
        self._sends_nothing_without_a_reason()
        result.suppressed_contacted = len(simulation.watch.contacted)
        result.differences += [f"{email}: contacted" for email in simulation.watch.contacted]
        return result

    def _sends_nothing_without_a_reason(self) -> None:
        """A night without a change makes no writing call, and one with some writes nobody else."""
        simulation = self.simulation
        for changed in ([], simulation.some(10)):
            simulation.next_day(is_quiet=True)
            simulation.change(changed)
            simulation.watch.written.clear()
            simulation.esp.faults.requests.clear()
            if not self._ends_well():
                return
            calls = [call for call in simulation.esp.faults.requests if not call.startswith(READS)]
            if calls and not changed:
                self.result.differences.append(f"a night that has nothing to send calls {', '.join(calls)}")
            for email, times in Counter(simulation.watch.written).items():
                if email not in changed or times > 1:
                    self.result.differences.append(f"{email}: uploaded {times} times without a reason")
        self.result.differences += invariants.differences(simulation)

    # --- days

    def _day(self, number: int) -> None:
        simulation, trouble, dice = self.simulation, self.trouble, self.dice
        simulation.next_day()
        simulation.land()
        if number:
            self._states_of_former_days()
            self._audiences()
        trouble.switch_faults_on()
        for _ in range(dice.randint(1, 3)):
            self._attempt(self._night(), dice.choice(HOW))
        self.hosts.come_to_rest()
        trouble.switch_faults_off()
        if dice.choice([True, True, False]) and self._ends_well():
            if dice.choice([True, False]):
                self.server.keep()
            if dice.choice([True, False]):
                trouble.keep_provider()

    def _states_of_former_days(self) -> None:
        """Take the warehouse or the provider back to what it was."""
        if self.server.has_backup and self.dice.random() < 0.3:  # noqa: PLR2004
            self.server.restore()
            self.simulation.land()
            self.result.faults["warehouse_restored"] += 1
            self.result.restores += 1
        if self.dice.random() < 0.3 and self.trouble.restore_provider():  # noqa: PLR2004
            self.result.faults["provider_restored"] += 1
            self.result.restores += 1

    def _audiences(self) -> None:
        """Take an audience out of the file, or put all back."""
        simulation = self.simulation
        if self.dice.random() < 0.2:  # noqa: PLR2004
            removed = self.dice.choice(list(AUDIENCES))
            kept = [name for name in AUDIENCES if name != removed]
            simulation.audiences = tuple(kept) if len(simulation.audiences) == len(AUDIENCES) else tuple(AUDIENCES)
            self.result.faults["audience_removed"] += len(simulation.audiences) < len(AUDIENCES)

    def _night(self) -> Night:
        simulation, hosts = self.simulation, self.hosts
        addresses = (hosts.shop.address, hosts.esp.address)
        return Night(simulation.url, *addresses, simulation.run_date, simulation.is_extracted, simulation.audiences)

    def _ends_well(self, *, retry_refused: bool = False) -> bool:
        self.simulation.land()
        night = replace(self._night(), retry_refused=retry_refused)
        for _ in range(MOST_TRIES):
            code = self._attempt(night, "plain", is_approved=True)
            if code == 0:
                return True
            time.sleep(0.02)
        self.result.differences.append(f"the night of {night.run_date} does not end well")
        return False

    # --- attempts

    def _attempt(self, night: Night, how: str, *, is_approved: bool = False) -> int | None:
        """Do a night, which something happens to; ask for an approval if it waits for one. Its exit code."""
        if how == "other account":
            night = replace(night, key="SG.other")
            self.result.faults["account_changed"] += 1
        victims = [FORKS.Process(target=do_night, args=(night,), kwargs={"is_warehouse_lost": _loses(how)})]
        if how == "two at once":
            victims.append(FORKS.Process(target=do_night, args=(night,)))
            self.result.faults["two_nights_at_once"] += 1
        if how == "full disk":
            self.trouble.fill_disk()
        timer = self._prepare(how, victims[0])
        for victim in victims:
            victim.start()
        if timer:
            timer.start()
        for victim in victims:
            victim.join()
        if timer:
            timer.cancel()
            timer.join()
        self.hosts.come_to_rest()
        self._at_rest()
        self.trouble.free_disk()
        for victim in victims:
            self._note_end(victim.exitcode)
        code = victims[0].exitcode
        return self._approve(night, is_approved=is_approved) if code == WAITING else code

    def _prepare(self, how: str, victim: BaseProcess) -> threading.Timer | None:
        """Make something happen at one of the night's calls, or after a while."""
        acts: dict[str, Callable[[], object]] = {
            "killed": lambda: victim.kill(),  # noqa: PLW0108 - it has not begun yet
            "restarted": self._restart,
            "meddled": self.trouble.meddle,
        }
        if how not in acts:
            return None
        moment, calls = self.dice.choice(["before", "performed", "answered", "anytime"]), self.dice.randint(1, 40)
        if moment == "anytime" and how != "meddled":
            return threading.Timer(self.dice.uniform(0.01, 1), acts[how])
        servers: list[tuple[AppHost, ASGIApp]] = [
            (self.hosts.esp, self.simulation.watch),
            (self.hosts.shop, self.simulation.shop.app),
        ]
        host, app = servers[self.dice.randrange(2) if self.simulation.is_extracted else 0]
        moment = moment if how == "killed" else self.dice.choice(["before", "answered"])
        host.app = Interruption(app, acts[how], calls, moment, is_end=how == "killed")
        return None

    def _restart(self) -> None:
        modes: tuple[Literal["fast", "immediate"], ...] = ("fast", "immediate")
        mode = self.dice.choice(modes)
        self.server.restart(mode)
        self.result.restarts += 1
        self.result.faults[f"postgresql_restarted_{mode}"] += 1

    def _at_rest(self) -> None:
        self.hosts.shop.app, self.hosts.esp.app = self.simulation.shop.app, self.simulation.watch

    def _note_end(self, code: int | None) -> None:
        self.result.nights += 1
        self.result.kills += code == -signal.SIGKILL
        if code not in (0, TROUBLE, WAITING, -signal.SIGKILL):
            self.result.differences.append(f"a night ended with {code}")

    def _approve(self, night: Night, *, is_approved: bool) -> int | None:
        """Answer a plan that waits, at once, late or never; then deliver it."""
        run_id = self.simulation.query("select max(run_id) from delivery.run")[0][0]
        answers = ("at once", "at once", "late", "after another", "never")
        answer = "at once" if is_approved else self.dice.choice(answers)
        if answer == "never":
            plan.record_approval(night.warehouse, run_id, by=self.dice.choice(["ada", None]), is_approved=False)
            self.result.faults["approval_refused"] += 1
            return WAITING
        if answer != "at once":
            self.result.faults["approval_late"] += 1
            self.trouble.meddle()
            self.simulation.next_day()
        if answer == "after another":
            self.simulation.land()
            process = FORKS.Process(target=do_night, args=(self._night(),))
            process.start()
            process.join()
            self._note_end(process.exitcode)
        plan.record_approval(night.warehouse, run_id, by="ada", is_approved=True)
        how = "plain" if is_approved else self.dice.choice(["plain", "killed", "meddled", "restarted", "full disk"])
        return self._attempt(replace(night, approved=run_id), how)


def _loses(how: str) -> bool:
    return how in {"restarted", "full disk"}
