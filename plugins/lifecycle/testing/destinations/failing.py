"""What happens when the provider is slow, broken, or says no; and what no message may hold."""

import logging
from collections.abc import Callable
from typing import Any

import pytest

from lifecycle import web
from lifecycle.errors import AccessDenied, AnswerUnreadable, LifecycleError, RetryLater
from lifecycle.testing.faults import Fault
from lifecycle.testing.providers import ADA, BEN, EmailProvider, Provider

SECRET = "heliotrope"  # noqa: S105 - what no message may hold


def upsert_ada(there: EmailProvider) -> str:
    """Write one contact, with a value that no message may hold."""
    return there.upsert([there.encoded(ADA, {"lifecycle_stage": SECRET})], ["VIP"])


ACTIONS: dict[str, Callable[[EmailProvider, str], object]] = {
    "upsert": lambda there, _: web.attempt(lambda: upsert_ada(there)),
    "remove": lambda there, _: there.remove("VIP", [BEN]),
    "members_among": lambda there, _: there.members_among("VIP", [BEN]),
    "outcome": lambda there, job: there.outcome(job),
    "contacts": lambda there, _: list(there.contacts("VIP")),
}


def with_ben(provider: Provider) -> tuple[EmailProvider, str]:
    """A destination whose list has Ben, and the job that put him there."""
    destination = provider.connect()
    job = destination.upsert([destination.encoded(BEN, {})], ["VIP"])
    provider.server.finish_jobs()
    return destination, job


def fault(provider: Provider, action: str, kind: str, **options: Any) -> None:
    """Have a fault meet the first request of an action."""
    method, path = provider.case.calls[action]
    provider.server.faults.add(Fault(kind, method=method, path=path, **options))


class FailingContract:
    """A passing fault is tried again, a lasting one says what to do, and none tells a secret."""

    @pytest.mark.parametrize("action", ACTIONS)
    @pytest.mark.parametrize("kind", ["429", "408", "500", "503", "reset_mid_body", "timeout"])
    def test_a_passing_fault_is_tried_again(self, provider: Provider, action: str, kind: str) -> None:
        provider.set_timeout(0.3 if kind == "timeout" else 60)
        destination, job = with_ben(provider)
        fault(provider, action, kind, times=2)
        assert ACTIONS[action](destination, job)
        provider.server.finish_jobs()
        assert provider.server.members("VIP") == {"upsert": {ADA, BEN}, "remove": set()}.get(action, {BEN})

    @pytest.mark.parametrize("kind", ["429", "500", "reset_mid_body"])
    def test_an_upsert_is_one_request_because_whoever_asks_has_to_note_each(
        self, provider: Provider, kind: str
    ) -> None:
        destination, _ = with_ben(provider)
        calls = provider.calls("upsert")
        fault(provider, "upsert", kind)
        with pytest.raises(RetryLater):
            upsert_ada(destination)
        assert provider.calls("upsert") == calls + 1

    @pytest.mark.parametrize("action", ACTIONS)
    @pytest.mark.parametrize("style", ["retry_after", "reset_seconds", "reset_epoch"])
    def test_the_pause_that_the_provider_asks_for_is_made(
        self, provider: Provider, action: str, style: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        destination, job = with_ben(provider)
        fault(provider, action, "429", retry_after=40, style=style)
        waited: list[float] = []
        monkeypatch.setattr("tenacity.nap.time.sleep", waited.append)
        assert ACTIONS[action](destination, job)
        assert 35 < waited[0] <= 40

    @pytest.mark.parametrize("action", ACTIONS)
    @pytest.mark.parametrize(
        ("kind", "error"),
        [
            ("429", RetryLater),
            ("500", RetryLater),
            ("reset_mid_body", RetryLater),
            ("timeout", RetryLater),
            ("unauthorized", AccessDenied),
            ("forbidden", AccessDenied),
            ("truncated", AnswerUnreadable),
            ("not_json", AnswerUnreadable),
            ("422", AnswerUnreadable),
        ],
    )
    def test_a_lasting_fault_says_what_to_do_and_tells_no_secret(
        self,
        provider: Provider,
        action: str,
        kind: str,
        error: type[LifecycleError],
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        caplog.set_level(logging.DEBUG)
        monkeypatch.setattr(web, "ATTEMPTS", 2)
        provider.set_timeout(0.3 if kind == "timeout" else 60)
        destination, job = with_ben(provider)
        fault(provider, action, kind, times=2)
        with pytest.raises(error) as raised:
            ACTIONS[action](destination, job)
        logged = f"{raised.value}{caplog.text}{destination!r}"
        assert f"{provider.case.calls[action][0]} /" in str(raised.value)
        assert [secret for secret in (ADA, BEN, provider.case.key, "Bearer", SECRET) if secret in logged] == []

    @pytest.mark.parametrize("action", ACTIONS)
    @pytest.mark.parametrize("body", [{}, [], {"other": 1}])
    def test_an_answer_of_another_shape_is_unreadable(self, provider: Provider, action: str, body: object) -> None:
        destination, job = with_ben(provider)
        provider.wire.answers.append((*provider.case.calls[action], body))
        with pytest.raises(AnswerUnreadable):
            ACTIONS[action](destination, job)

    @pytest.mark.parametrize("body", [{}, [], {"other": 1}])
    def test_signing_in_to_something_else_is_unreadable(self, provider: Provider, body: object) -> None:
        provider.wire.answers.append(("GET", "", body))
        with pytest.raises(AnswerUnreadable):
            provider.connect()

    def test_a_key_that_may_only_read_is_an_access_problem(self, provider: Provider) -> None:
        provider.connect()
        destination = provider.connect(key=provider.case.read_only_key)
        with pytest.raises(AccessDenied, match="403, the credential lacks the right"):
            destination.upsert([destination.encoded(ADA, {})], ["VIP"])
        with pytest.raises(AccessDenied, match="401, the credential is refused"):
            provider.connect(key="revoked")
