"""How many calls a provider allows: they are spaced, so that a limit is not run into.

A ``Limit`` is what the provider documents. A ``Quota`` spends it: a tenth at once, the rest evenly over its window.
Once an answer says what is left (``X-RateLimit-…``), that counts instead: a process that has just begun does not know
what the one before it spent, and an account of another plan has other limits. Nothing is therefore stored.

One process has one quota for each account and limit, whichever clients call.
"""

import logging
import math
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256

#: The share of a window's calls that need not be spaced.
AT_ONCE = 0.1
#: A reset header above this is a moment in time, below it a number of seconds.
EPOCH_FROM = 1_000_000_000
NUMBER = re.compile(r"\d+(\.\d+)?")
ID = re.compile(r"/(?!v\d+(?:/|$))[^/]*[\d@%][^/]*")
HEADERS = ("limit", "remaining", "reset")
PREFIXES = ("x-ratelimit-", "x-sib-ratelimit-", "ratelimit-")
WORTH_A_LINE = 10.0

#: What every account's quotas wait by.
clock, sleep = time.monotonic, time.sleep
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limit:
    """At most ``calls`` in any ``seconds``, of all calls in whose method and path ``pattern`` is found.

    ``is_per_path``: each path has a limit of its own. ``is_reported``: answers say what is left; no wait for that is
    longer than ``seconds``.
    """

    pattern: str
    calls: float
    seconds: float
    is_per_path: bool = False
    is_reported: bool = True


NO_LIMIT = Limit("", math.inf, 0, is_reported=False)


@dataclass(slots=True)
class Reported:
    """What an answer said: so many calls are left until a moment of our clock."""

    calls: float
    left: float
    until: float


class Quota:
    """One limit of one account; any thread may ask it for a turn."""

    def __init__(
        self,
        limit: Limit,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._limit, self._clock, self._sleep = limit, clock, sleep
        self._lock = threading.Lock()
        self._reported: Reported | None = None
        self._last = self._due = -math.inf
        self._open = 0

    @contextmanager
    def turn(self) -> Iterator[Callable[[Mapping[str, str], int], None]]:
        """Wait for a turn; what it gives takes the answer's headers and status."""
        pause = self._reserved()
        if pause >= WORTH_A_LINE:
            log.info("waiting %.0f s, so that the provider's limit is kept (%s)", pause, self._limit.pattern)
        if pause > 0:
            self._sleep(pause)
        try:
            yield self._heed
        finally:
            with self._lock:
                self._open -= 1

    def _reserved(self) -> float:
        """Seconds until a call's turn, which is then its own; no turn is before the one that was given last."""
        with self._lock:
            now = self._clock()
            earliest = max(now, self._last)
            if self._reported and self._reported.until <= earliest:
                self._reported, self._due = None, -math.inf
            if self._reported:
                self._last = self._reported_turn(self._reported, earliest)
            else:
                self._last = self._documented_turn(earliest)
            self._open += 1
            return self._last - now

    def _reported_turn(self, reported: Reported, earliest: float) -> float:
        """The rest of a window is spent evenly, up to its end."""
        left, reported.left = reported.left, max(reported.left - 1, 0)
        if left > max(reported.calls - max(1, reported.calls * AT_ONCE), 0):
            return earliest
        began = min(self._last, earliest) if self._last > -math.inf else earliest
        return max(earliest, began + (reported.until - began) / (left + 1))

    def _documented_turn(self, earliest: float) -> float:
        """The generic cell rate algorithm: never more than ``calls`` in any window, wherever it begins."""
        if math.isinf(self._limit.calls):
            return earliest
        at_once = max(1, math.floor(self._limit.calls * AT_ONCE))
        interval = self._limit.seconds / max(self._limit.calls - at_once, 1)
        turn = max(earliest, self._due - interval * (at_once - 1))
        self._due = max(self._due, turn) + interval
        return turn

    def _heed(self, headers: Mapping[str, str], status: int) -> None:
        """Take over what an answer says is left; a 429 says that nothing is."""
        if not self._limit.is_reported:
            return
        known = {name.lower(): value.strip() for name, value in headers.items()}
        calls, left, reset = (_first(known, [prefix + name for prefix in PREFIXES]) for name in HEADERS)
        if status == 429:  # noqa: PLR2004
            left, reset = 0.0, _first(known, ["retry-after"]) or reset
        if left is None or reset is None:
            return
        seconds = min(seconds_left(reset), self._limit.seconds)
        with self._lock:
            unanswered = self._open - 1
            self._reported = Reported(calls or left, max(left - unanswered, 0), self._clock() + seconds)


def seconds_left(reset: float, now: float | None = None) -> float:
    """Seconds until a reset that is given as such, or as a moment since 1970."""
    moment = time.time() if now is None else now
    return max(reset - moment if reset >= EPOCH_FROM else reset, 0)


def _first(headers: Mapping[str, str], names: Sequence[str]) -> float | None:
    return next((float(headers[name]) for name in names if NUMBER.fullmatch(headers.get(name, ""))), None)


class Quotas:
    """The quotas of one account; a call takes its turn at the first limit whose pattern matches it."""

    _all: dict[tuple[str, Limit, str], Quota] = {}  # noqa: RUF012 - one for the process
    _lock = threading.Lock()

    def __init__(self, account: str, limits: Sequence[Limit]) -> None:
        self._account, self._limits = sha256(account.encode()).hexdigest(), limits

    @contextmanager
    def turn(self, method: str, path: str) -> Iterator[Callable[[Mapping[str, str], int], None]]:
        """Wait for a call's turn; what it gives takes the answer's headers and status."""
        with self.of(method, path).turn() as heed:
            yield heed

    def of(self, method: str, path: str) -> Quota:
        """The quota of a call."""
        call = f"{method} {ID.sub('/{id}', path)}"
        limit = next((limit for limit in self._limits if re.search(limit.pattern, call)), NO_LIMIT)
        with self._lock:
            return self._all.setdefault(
                (self._account, limit, call if limit.is_per_path else ""), Quota(limit, clock, sleep)
            )
