"""HTTP calls are tried again where that helps, say what to do where it doesn't, and tell no secret."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lifecycle import web
from lifecycle.errors import AccessDenied, AnswerUnreadable, LifecycleError, RateLimited, RetryLater
from lifecycle.testing.clock import Clock
from lifecycle.testing.faults import Fault, Faults, controlled
from lifecycle.testing.server import running

NOW = 1_760_000_000.0
SECRETS = ("token", "hunter2", "ada", "127.0.0.1", "localhost", "?")


class Server:
    """Answers with whatever the test has put there."""

    def __init__(self) -> None:
        self.faults = Faults()
        self.answers: list[Response] = []
        self.asked: list[Request] = []
        app = Starlette(routes=[Route("/{path:path}", self._answer, methods=["GET", "POST"])])
        self.app = controlled(app, self.faults, Clock(), lambda status: {"code": status, "email": "ada@example.com"})

    async def _answer(self, request: Request) -> Response:
        self.asked.append(request)
        return self.answers.pop(0) if self.answers else Response('{"answer": 42}', media_type="application/json")


@pytest.fixture(scope="module")
def address_and_server() -> Iterator[tuple[str, Server]]:
    server = Server()
    with running(server.app) as address:
        yield address, server


@pytest.fixture
def server(address_and_server: tuple[str, Server]) -> Server:
    _, server = address_and_server
    server.faults.clear()
    server.answers.clear()
    server.asked.clear()
    return server


@pytest.fixture
def url(address_and_server: tuple[str, Server]) -> str:
    return f"{address_and_server[0]}/v3/things?email=ada@example.com&token=hunter2"


@pytest.fixture
def session() -> Iterator[web.Session]:
    with web.Session() as session:
        session.headers["Authorization"] = "Bearer hunter2"
        yield session


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    waited: list[float] = []
    monkeypatch.setattr("tenacity.nap.time.sleep", waited.append)
    return waited


@pytest.fixture(autouse=True)
def no_secret_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level("DEBUG")
    yield
    assert not [word for word in SECRETS if word in caplog.text]


def refusal(kind: type[LifecycleError], session: web.Session, url: str) -> str:
    """The words of the error that a call ends with, which hold no secret."""
    with pytest.raises(kind) as raised:
        web.document(session.get(url))
    assert type(raised.value) is kind
    assert not [word for word in SECRETS if word in str(raised.value)]
    assert "GET /v3/things: " in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7),
        ({"retry-after": " 7.5 "}, 7.5),
        ({"X-RateLimit-Reset": "7"}, 7),
        ({"X-RateLimit-Reset": str(int(NOW) + 7)}, 7),
        ({"Retry-After": "3", "X-RateLimit-Reset": "60"}, 3),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT", "X-RateLimit-Reset": "9"}, 9),
        ({"X-RateLimit-Reset": str(int(NOW) - 60)}, 0.1),
        ({"Retry-After": "0"}, 0.1),
        ({"Retry-After": "-5"}, 1),
        ({"Retry-After": "86400"}, web.LONGEST_WAIT),
        ({"Retry-After": "soon"}, 1),
        ({}, 1),
    ],
)
def test_the_pause_is_read_from_either_header_in_either_meaning(headers: dict[str, str], seconds: float) -> None:
    assert web.seconds_to_wait(headers, NOW) == seconds


def test_an_answer_is_its_json(server: Server, session: web.Session, url: str) -> None:
    assert web.document(session.get(url)) == {"answer": 42}
    assert server.asked[0].headers["authorization"] == "Bearer hunter2"


@pytest.mark.parametrize(("status", "why"), [("401", "credential is refused"), ("403", "lacks the right")])
def test_a_refused_credential_is_not_tried_again(
    server: Server, session: web.Session, url: str, pauses: list[float], status: str, why: str
) -> None:
    server.faults.add(Fault(status, times=None))
    assert why in refusal(AccessDenied, session, url)
    assert pauses == []


@pytest.mark.parametrize("status", [304, 400, 404, 409, 410, 422])
def test_any_other_answer_that_is_no_success_is_unreadable(
    server: Server, session: web.Session, url: str, status: int
) -> None:
    server.answers = [Response("ada@example.com", status)]
    assert f"unexpected status {status}" in refusal(web.Refused, session, url)


@pytest.mark.parametrize("status", [400, 404, 409, 422])
def test_a_refusal_quotes_the_other_sides_own_words(
    server: Server, session: web.Session, url: str, status: int
) -> None:
    body = b'{"errors": [{"field": "name", "message": "a list with this name exists"}]}'
    server.answers = [Response(body, status)]
    assert refusal(web.Refused, session, url).endswith(f": {status}: name: a list with this name exists")


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_credential_quotes_them_too(server: Server, session: web.Session, url: str, status: int) -> None:
    server.answers = [Response(b'{"message": "Your IP 10.1.2.3 is not on the list", "code": "unauthorized"}', status)]
    assert refusal(AccessDenied, session, url).endswith(": unauthorized: Your IP … is not on the list")


@pytest.mark.parametrize("style", ["retry_after", "reset_seconds", "reset_epoch"])
def test_too_many_requests_wait_as_long_as_asked(
    server: Server, session: web.Session, url: str, pauses: list[float], style: Any
) -> None:
    server.faults.add(Fault("429", retry_after=100, style=style))
    assert session.get(url).ok
    (pause,) = pauses
    assert pause == 100 if style != "reset_epoch" else 1 < pause <= 100


def test_lasting_too_many_requests_are_told_with_the_pause(server: Server, session: web.Session, url: str) -> None:
    server.faults.add(Fault("429", retry_after=7, times=None))
    with pytest.raises(RateLimited) as raised:
        session.get(url)
    assert raised.value.seconds == 7


@pytest.mark.parametrize("kind", ["408", "500", "502", "503", "504", "reset_mid_body"])
def test_a_passing_failure_is_tried_again(
    server: Server, session: web.Session, url: str, pauses: list[float], kind: str
) -> None:
    server.faults.add(Fault(kind, times=2))
    assert web.document(session.get(url)) == {"answer": 42}
    assert len(pauses) == 2


@pytest.mark.parametrize("kind", ["500", "reset_mid_body"])
def test_a_lasting_failure_is_given_up_after_some_attempts_each_later_than_the_last(
    server: Server, session: web.Session, url: str, pauses: list[float], kind: str
) -> None:
    server.faults.add(Fault(kind, times=None))
    refusal(RetryLater, session, url)
    assert len(pauses) == web.ATTEMPTS - 1
    assert pauses[-1] > pauses[0]


def test_silence_is_a_failure_after_the_time_out(
    server: Server, session: web.Session, url: str, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "TIMEOUT", (1.0, 0.2))
    server.faults.add(Fault("timeout"))
    assert session.get(url).ok
    assert len(pauses) == 1


def test_a_server_that_is_not_there_is_tried_later(session: web.Session) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert "ConnectionError" in refusal(RetryLater, session, f"http://127.0.0.1:{port}/v3/things?token=hunter2")


@pytest.mark.parametrize("kind", ["truncated", "not_json"])
def test_a_body_that_is_no_json_is_unreadable(server: Server, session: web.Session, url: str, kind: str) -> None:
    server.faults.add(Fault(kind, times=None))
    assert "not JSON" in refusal(AnswerUnreadable, session, url)


@pytest.mark.parametrize("body", [b"", b"\xff", b"[" * 5000, b"{'a': 1}", b"1" * 5000], ids=range(5))
def test_odd_bodies_are_unreadable_too(server: Server, session: web.Session, url: str, body: bytes) -> None:
    server.answers = [Response(body)]
    assert "not JSON" in refusal(AnswerUnreadable, session, url)


@pytest.mark.parametrize(
    ("body", "value"),
    [(b'"\\ud800"', "\ud800"), (b"1e999", float("inf")), (b"1" * 400, int("1" * 400)), (b"1.10", 1.1)],
)
def test_json_that_is_rare_is_still_json(
    server: Server, session: web.Session, url: str, body: bytes, value: object
) -> None:
    server.answers = [Response(body)]
    assert web.document(session.get(url)) == value


def test_a_redirect_is_followed_and_takes_no_credential_to_another_host(
    server: Server, session: web.Session, url: str
) -> None:
    elsewhere = url.replace("127.0.0.1", "localhost")
    server.answers = [Response(status_code=302, headers={"Location": elsewhere})]
    assert web.document(session.get(url)) == {"answer": 42}
    assert ["authorization" in request.headers for request in server.asked] == [True, False]


def test_only_what_may_go_through_later_is_tried_again(pauses: list[float]) -> None:
    outcomes: list[Exception | int] = [RetryLater("a"), RateLimited("b", 5.0), RetryLater("c"), 42]

    def call() -> int:
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    assert web.attempt(call) == 42
    assert pauses[1] == 5.0
    outcomes = [AccessDenied("no"), 42]
    with pytest.raises(AccessDenied):
        web.attempt(call)
