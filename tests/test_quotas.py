"""Calls are spaced so that a provider's limit is never run into, by its documents or by what its answers say."""

import itertools
import math
import threading
from collections.abc import Callable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.web import Limit, Quota, Session
from lifecycle.web.quotas import Quotas, seconds_left

HOUR = 3600.0
IMPORTS = Limit("/v3/processes", 100, HOUR)


class Time:
    """A clock that stands still unless somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds


class Provider:
    """Allows so many calls in each window of its own, of which some are spent, and says so in its answers."""

    def __init__(self, time: Time, calls: int, seconds: float, spent: int = 0, since: float = 0) -> None:
        self.time, self.calls, self.seconds = time, calls, seconds
        self.spent, self.until = spent, seconds - since

    def answer(self) -> tuple[Mapping[str, str], int]:
        while self.time.now >= self.until:
            self.spent, self.until = 0, self.until + self.seconds
        self.spent += 1
        left = self.calls - self.spent
        headers = {
            "X-Sib-RateLimit-Limit": str(self.calls),
            "x-sib-ratelimit-remaining": str(max(left, 0)),
            "x-sib-ratelimit-reset": str(math.ceil(self.until - self.time.now)),
        }
        return headers, 200 if left >= 0 else 429


def times_of(quota: Quota, time: Time, count: int, answer: Callable[[], tuple[Mapping[str, str], int]]) -> list[float]:
    """When each of so many calls takes place, made as soon as it may be; none is refused."""
    times = []
    for _ in range(count):
        with quota.turn() as heed:
            times.append(time.now)
            headers, status = answer()
            assert status == 200
            heed(headers, status)
    return times


def silent() -> tuple[Mapping[str, str], int]:
    return {}, 200


def most_in(times: list[float], seconds: float) -> int:
    """The most calls in any window, both ends included."""
    return max(sum(begin <= moment <= begin + seconds for moment in times) for begin in times)


def test_a_tenth_is_spent_at_once_and_the_rest_evenly() -> None:
    time = Time()
    times = times_of(Quota(IMPORTS, time.clock, time.sleep), time, 250, silent)
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert gaps[:9] == [0] * 9
    assert gaps[9:] == pytest.approx([40] * 240)
    assert most_in(times, HOUR) <= 100


@given(
    st.integers(1, 50),
    st.floats(0.5, 5000),
    st.lists(st.floats(0, 3000), max_size=150),
)
def test_no_window_has_more_calls_than_are_allowed_wherever_it_begins(
    calls: int, seconds: float, idle: list[float]
) -> None:
    time, times = Time(), []
    quota = Quota(Limit("", calls, seconds), time.clock, time.sleep)
    for pause in [0.0] * 60 + idle:
        time.now += pause
        times += times_of(quota, time, 1, silent)
    assert most_in(times, seconds * 0.999) <= calls


@given(st.integers(2, 200), st.floats(1, 3600), st.data())
def test_a_process_that_begins_in_the_middle_of_a_window_runs_into_nothing(
    calls: int, seconds: float, data: st.DataObject
) -> None:
    spent, since = data.draw(st.integers(0, calls - 1)), data.draw(st.floats(0, seconds * 0.99))
    time = Time()
    provider = Provider(time, calls, seconds, spent, since)
    limit = Limit("", data.draw(st.sampled_from([calls, math.inf, calls * 2])), 3600)
    times = times_of(Quota(limit, time.clock, time.sleep), time, 2 * calls + 3, provider.answer)
    assert times == sorted(times)


def test_what_an_answer_says_is_left_is_spent_evenly() -> None:
    time = Time()
    provider = Provider(time, 100, HOUR, spent=70, since=1800)
    times = times_of(Quota(IMPORTS, time.clock, time.sleep), time, 30, provider.answer)
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert gaps == pytest.approx([60] * 29, abs=1)
    assert times[-1] < 1800


def test_an_account_of_another_plan_has_its_own_limit() -> None:
    time = Time()
    provider = Provider(time, 200, HOUR)
    times = times_of(Quota(IMPORTS, time.clock, time.sleep), time, 200, provider.answer)
    assert times[-1] <= HOUR


def test_the_call_after_the_last_waits_for_the_next_window_also_when_several_ask() -> None:
    time = Time()
    quota = Quota(IMPORTS, time.clock, time.sleep)
    with quota.turn() as heed:
        heed({"x-ratelimit-limit": "6", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "50"}, 200)
    with quota.turn():
        assert time.now == 50
        time.now = 10
        with quota.turn():
            assert time.now == 50


@pytest.mark.parametrize(
    "headers",
    [{"Retry-After": "30"}, {"X-RateLimit-Reset": "30"}, {"retry-after": "30", "x-ratelimit-reset": "7"}],
)
def test_a_refusal_leaves_nothing_until_it_says(headers: Mapping[str, str]) -> None:
    time = Time()
    quota = Quota(IMPORTS, time.clock, time.sleep)
    with quota.turn() as heed:
        heed(headers, 429)
    with quota.turn():
        assert time.now == 30


def test_no_wait_is_longer_than_the_limits_own_window() -> None:
    time = Time()
    quota = Quota(Limit("", math.inf, 120), time.clock, time.sleep)
    with quota.turn() as heed:
        heed({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "86400"}, 200)
    with quota.turn():
        assert time.now == 120


@pytest.mark.parametrize("value", ["", "soon", "-1", "1e3", "NaN"])
def test_headers_that_are_no_numbers_say_nothing(value: str) -> None:
    time = Time()
    quota = Quota(Limit("", math.inf, 120), time.clock, time.sleep)
    for _ in range(3):
        with quota.turn() as heed:
            heed({"x-ratelimit-remaining": value, "x-ratelimit-reset": value}, 200)
    assert time.now == 0


def test_calls_that_are_under_way_are_not_spent_twice() -> None:
    time = Time()
    quota = Quota(Limit("", math.inf, 100), time.clock, time.sleep)
    left = {"x-ratelimit-limit": "100", "x-ratelimit-remaining": "3", "x-ratelimit-reset": "80"}
    with quota.turn(), quota.turn(), quota.turn() as heed:
        heed(left, 200)  # of the three that are left, two are under way
    with quota.turn():
        assert time.now == pytest.approx(40)


def test_a_call_that_fails_gives_its_place_back() -> None:
    time = Time()
    quota = Quota(Limit("", math.inf, 100), time.clock, time.sleep)
    with pytest.raises(ConnectionError), quota.turn():
        raise ConnectionError
    with quota.turn() as heed:
        heed({"x-ratelimit-limit": "100", "x-ratelimit-remaining": "1", "x-ratelimit-reset": "80"}, 200)
    with quota.turn():
        assert time.now == pytest.approx(40)


def test_threads_share_one_quota() -> None:
    turns, lock = list[float](), threading.Lock()

    def sleep(seconds: float) -> None:
        with lock:
            turns.append(seconds)

    quota = Quota(Limit("", 10, 9), lambda: 0.0, sleep)

    def ask() -> None:
        for _ in range(25):
            with quota.turn():
                pass

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(turns) == pytest.approx(list(range(1, 100)))


def test_an_account_has_one_quota_for_each_limit_whichever_client_calls() -> None:
    limits = (Limit("GET .*/v3/messages$", 6, 60), Limit("/v3/", math.inf, 60, is_per_path=True))
    quotas, again, another = Quotas("SG.a", limits), Quotas("SG.a", limits), Quotas("SG.b", limits)
    assert quotas.of("GET", "/v3/messages") is again.of("GET", "/v3/messages")
    assert quotas.of("GET", "/v3/messages") is not another.of("GET", "/v3/messages")
    assert quotas.of("GET", "/v3/lists/17") is again.of("GET", "/v3/lists/0a-18")
    assert quotas.of("GET", "/v3/lists") is not again.of("GET", "/v3/lists/17")
    assert quotas.of("GET", "/v3/lists") is not again.of("POST", "/v3/lists")
    assert Session().quotas.of("GET", "/v3/lists") is not quotas.of("GET", "/v3/lists")


@pytest.mark.parametrize(("reset", "seconds"), [(7.0, 7), (1_760_000_007.0, 7), (1_750_000_000.0, 0)])
def test_a_reset_is_read_in_either_meaning(reset: float, seconds: float) -> None:
    assert seconds_left(reset, 1_760_000_000.0) == seconds
