"""Our readers and writers keep to their provider's limits: an hour of questions, in a time that is not waited for."""

import itertools
import math
import re
from dataclasses import dataclass, field

import pytest
from starlette.datastructures import MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from demo.brevo import Brevo
from demo.brevo.rules import Rules
from demo.esp import Esp, Pace
from lifecycle.destinations import Outcome
from lifecycle.destinations.brevo import writer as brevo
from lifecycle.errors import RateLimited
from lifecycle.settings import Connection
from lifecycle.sources.sendgrid import api as sendgrid
from lifecycle.testing.server import AppHost
from lifecycle.web import document, quotas

KEYS = iter(range(1000))

#: The limit of these tests is ``Limited``, whose hour is simulated.
BY_THE_CLOCK = Rules(questions_an_hour=None)


@dataclass
class Clock:
    """Moves only when somebody sleeps."""

    now: float = 0.0

    def read(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class Limited:
    """A provider that answers so many calls of some paths in each window, and may say so."""

    app: ASGIApp
    clock: Clock
    pattern: str
    calls: int
    seconds: float
    prefix: str = ""
    spent: int = 0
    until: float = 0.0
    refused: int = 0
    times: list[float] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not re.search(self.pattern, scope["path"]):
            await self.app(scope, receive, send)
            return
        if self.clock.now >= self.until:
            self.spent, self.until = 0, self.clock.now + self.seconds
        self.spent += 1
        self.times.append(self.clock.now)
        left = self.calls - self.spent
        self.refused += left < 0
        headers = {"limit": self.calls, "remaining": max(left, 0), "reset": math.ceil(self.until - self.clock.now)}

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                shown = MutableHeaders(scope=message)
                for name in [name for name in shown if "ratelimit" in name]:
                    del shown[name]
                shown.update({f"{self.prefix}{name}": str(n) for name, n in headers.items()} if self.prefix else {})
            await send(message)

        refusal = JSONResponse({"code": "too_many_requests", "message": "slow down"}, 429)
        await (self.app if left >= 0 else refusal)(scope, receive, with_headers)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(quotas, "clock", clock.read)
    monkeypatch.setattr(quotas, "sleep", clock.sleep)
    monkeypatch.setattr("tenacity.nap.time.sleep", clock.sleep)
    return clock


@pytest.fixture
def key() -> str:
    """Of an account that no other test has called."""
    return f"key-{next(KEYS)}"


def connected(provider_host: AppHost, key: str) -> brevo.Brevo:
    connection = Connection("esp", host=provider_host.address, password=key)
    return brevo.connect(connection, ["VIP"], {})


def outcomes(destination: brevo.Brevo, clock: Clock, jobs: list[str]) -> dict[str, Outcome]:
    """Asked about in rounds as a delivery does, until each has come to its end."""
    ended: dict[str, Outcome] = {}
    while len(ended) < len(jobs):
        answers = {job: destination.outcome(job) for job in jobs if job not in ended}
        ended |= {job: outcome for job, outcome in answers.items() if outcome.status != "pending"}
        clock.sleep(10)
    return ended


@pytest.fixture
def account(provider_host: AppHost, clock: Clock, key: str) -> tuple[Brevo, Limited]:
    """An account of the general plan, in whose hour thirty questions were asked before."""
    server = Brevo(key=key, pace=Pace(polls=40, seconds=None), rules=BY_THE_CLOCK)
    limited = Limited(server.app, clock, "/v3/(?!contacts)", 100, 3600, "x-sib-ratelimit-", spent=30, until=3600)
    provider_host.app = limited
    return server, limited


def test_a_night_of_sixty_imports_at_brevo_keeps_to_a_hundred_questions_an_hour(
    provider_host: AppHost, clock: Clock, key: str, account: tuple[Brevo, Limited]
) -> None:
    server, limited = account
    destination = connected(provider_host, key)
    batches = [[f"p{n}@example.com", "nobody@nowhere"][: 1 + (n % 10 == 0)] for n in range(60)]
    jobs = [destination.upsert([destination.encoded(each, {}) for each in batch], ["VIP"]) for batch in batches]
    ended = outcomes(destination, clock, jobs)
    assert {outcome.status for outcome in ended.values()} == {"completed"}
    assert sum(outcome.rejected_count for outcome in ended.values()) == 6
    assert limited.refused == 0
    assert len(limited.times) < 60, "each page of the listing is about fifty imports"
    assert len(server.members("VIP")) == 60


def test_imports_that_an_earlier_process_began_are_asked_about_within_the_limit(
    provider_host: AppHost, clock: Clock, key: str, account: tuple[Brevo, Limited]
) -> None:
    _, limited = account
    destination = connected(provider_host, key)
    jobs = [destination.upsert([destination.encoded(f"p{n}@example.com", {})], ["VIP"]) for n in range(90)]
    ended = outcomes(connected(provider_host, key), clock, jobs)
    assert {outcome.status for outcome in ended.values()} == {"completed"}
    assert limited.refused == 0


def test_an_account_that_does_not_list_its_imports_is_asked_about_each_within_the_limit(
    provider_host: AppHost, clock: Clock, key: str
) -> None:
    server = Brevo(key=key, pace=Pace(polls=3, seconds=None), rules=BY_THE_CLOCK)
    limited = Limited(server.app, clock, "/v3/(?!contacts)", 100, 3600)

    async def unlisted(scope: Scope, receive: Receive, send: Send) -> None:
        missing = JSONResponse({"code": "document_not_found", "message": "no route"}, 404)
        await (missing if scope["path"] == "/v3/processes" else limited)(scope, receive, send)

    provider_host.app = unlisted
    destination = connected(provider_host, key)
    jobs = [destination.upsert([destination.encoded(f"p{n}@example.com", {})], ["VIP"]) for n in range(60)]
    ended = outcomes(destination, clock, jobs)
    assert {outcome.status for outcome in ended.values()} == {"completed"}
    assert limited.refused == 0
    assert max(later - earlier for earlier, later in itertools.pairwise(limited.times)) < 60


def test_brevos_contacts_are_asked_for_ten_times_a_second_at_most(
    provider_host: AppHost, clock: Clock, key: str
) -> None:
    server = Brevo(key=key)
    for n in range(30):
        server.add_contact(f"p{n}@example.com", lists=["VIP"])
    limited = Limited(server.app, clock, "/v3/contacts", 10, 1)
    provider_host.app = limited
    destination = connected(provider_host, key)
    for _ in range(40):
        assert len([*destination.contacts("VIP")]) == 30
    assert limited.refused == 0
    assert clock.now < 10


def test_message_activity_is_asked_for_six_times_a_minute_at_most(
    provider_host: AppHost, clock: Clock, key: str
) -> None:
    limited = Limited(Esp(key=key).app, clock, "/v3/messages$", 6, 60)
    provider_host.app = limited
    session, address = sendgrid.sign_in(Connection("esp", host=provider_host.address, password=key))
    for _ in range(20):
        session.get(f"{address}/v3/messages", params={"query": 'status="delivered"', "limit": "1"})
    assert limited.refused == 0
    assert clock.now == pytest.approx(12 * 19)


def test_what_sendgrids_answers_say_is_left_is_heeded_on_each_path(
    provider_host: AppHost, clock: Clock, key: str
) -> None:
    limited = Limited(Esp(key=key).app, clock, "/v3/scopes$", 10, 60, "x-ratelimit-")
    provider_host.app = limited
    session, address = sendgrid.sign_in(Connection("esp", host=provider_host.address, password=key))
    for _ in range(25):
        document(session.get(f"{address}/v3/scopes"))
        document(session.get(f"{address}/v3/asm/groups"))
    assert limited.refused == 0
    assert 60 < clock.now < 180


def test_a_limit_that_others_have_spent_is_waited_out(provider_host: AppHost, clock: Clock, key: str) -> None:
    limited = Limited(Brevo(key=key).app, clock, "/v3/account", 100, 3600, "x-sib-ratelimit-", spent=100, until=2000)
    provider_host.app = limited
    assert brevo.missing_rights(Connection("esp", host=provider_host.address, password=key)) == []
    assert limited.refused == 1
    assert clock.now == pytest.approx(2000)


def test_a_limit_that_is_never_free_is_told(provider_host: AppHost, clock: Clock, key: str) -> None:
    provider_host.app = Limited(Brevo(key=key).app, clock, "/v3/account", 0, 3600, "x-sib-ratelimit-")
    with pytest.raises(RateLimited, match="GET /v3/account: 429, too many requests"):
        brevo.missing_rights(Connection("esp", host=provider_host.address, password=key))
