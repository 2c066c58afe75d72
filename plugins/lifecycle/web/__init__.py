"""The only HTTP code: time-outs, retries, rate limits, and errors that say what to do and hold no secret.

``attempt`` runs one call of any client under the policy; ``Session`` is a ``requests`` session that does so
by itself. A message names the method and the path, never a query string or a header; of a refusal's body it has the
provider's own words, as ``quoted`` lets them through.
"""

import json
import logging
import re
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO, TypeVar
from urllib.parse import urlsplit

import orjson
import requests
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_exponential,
    wait_random,
)

from lifecycle.errors import AccessDenied, AnswerUnreadable, LifecycleError, RateLimited, RetryLater
from lifecycle.web.quotas import Limit as Limit
from lifecycle.web.quotas import Quota as Quota
from lifecycle.web.quotas import Quotas as Quotas
from lifecycle.web.quotas import seconds_left
from lifecycle.web.words import quoted as quoted

TIMEOUT = (10.0, 60.0)
ATTEMPTS = 6
LONGEST_WAIT = 120.0
NOT_FOUND = 404
CHUNK = 1 << 16

T = TypeVar("T")
log = logging.getLogger(__name__)
_backoff = wait_exponential(multiplier=0.5, max=20) + wait_random(0, 0.5)

# At DEBUG it logs query strings.
logging.getLogger("urllib3").setLevel(logging.INFO)


def _pause(state: RetryCallState) -> float:
    """As long as the other side asks for, else longer each time."""
    error = state.outcome.exception() if state.outcome else None
    return error.seconds if isinstance(error, RateLimited) else _backoff(state)


def _log_failure(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    log.warning("attempt %d failed: %s", state.attempt_number, error)


def attempt(call: Callable[[], T], most: int | None = None) -> T:
    """Run ``call`` until it raises no ``RetryLater``, at most ``most`` or ``ATTEMPTS`` times; raises the last error."""
    return Retrying(
        retry=retry_if_exception_type(RetryLater),
        stop=stop_after_attempt(most or ATTEMPTS),
        wait=_pause,
        before_sleep=_log_failure,
        reraise=True,
    )(call)


def seconds_to_wait(headers: Mapping[str, str], now: float | None = None) -> float:
    """The pause that a 429 asks for: ``Retry-After``, or a reset header (seconds left or an epoch)."""
    known = {name.lower(): value.strip() for name, value in headers.items()}
    values = (known.get(name, "") for name in ("retry-after", "x-ratelimit-reset", "x-sib-ratelimit-reset"))
    number = next((float(value) for value in values if re.fullmatch(r"\d+(\.\d+)?", value)), 1.0)
    return min(max(seconds_left(number, now), 0.1), LONGEST_WAIT)


def problem(call: str, status: int, headers: Mapping[str, str], body: bytes = b"") -> LifecycleError | None:
    """The error that a status stands for, or ``None`` for success; 400 and the like are the caller's.

    The words of ``body`` are quoted where a credential is refused: they tell a wrong key from an address not allowed.
    """
    if status in {401, 403}:
        reason = "the credential is refused" if status == 401 else "the credential lacks the right"  # noqa: PLR2004
        return AccessDenied(": ".join(filter(None, (f"{call}: {status}, {reason}", quoted(body)))))
    if status == 429:  # noqa: PLR2004
        return RateLimited(f"{call}: 429, too many requests", seconds_to_wait(headers))
    if status == 408 or status >= 500:  # noqa: PLR2004
        return RetryLater(f"{call}: {status}, the other side has a problem")
    return None


class Refused(AnswerUnreadable):
    """An answer that is neither success nor a known problem: its ``status``, and its ``body`` for who can read it.

    ``words`` are the provider's own, as ``quoted`` lets them through; empty if there are none.
    """

    def __init__(self, call: str, status: int, body: bytes) -> None:
        self.words = quoted(body)
        super().__init__(f"{call}: {status}: {self.words}" if self.words else f"{call}: unexpected status {status}")
        self.status = status
        self.body = body


UNLIMITED = Quotas("", ())


class Session(requests.Session):
    """A ``requests`` session with time-outs, retries and our errors; any answer but 2xx is raised.

    ``attempts`` is how often a call is made at most, where that is not ``ATTEMPTS``; ``quotas`` say when it may be.
    """

    def __init__(self, attempts: int | None = None, quotas: Quotas = UNLIMITED) -> None:
        super().__init__()
        self.attempts, self.quotas = attempts, quotas

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        """Send one request under the retry policy.

        Raises ``RetryLater`` when the tries are used up, ``AccessDenied`` for 401 and 403, and
        ``Refused`` for any other answer that is not 2xx.
        """
        options["timeout"] = options.get("timeout") or TIMEOUT
        return attempt(lambda: self._send_once(request, options), self.attempts)

    def _send_once(self, request: requests.PreparedRequest, options: dict[str, Any]) -> requests.Response:
        method, path = request.method or "", urlsplit(request.url or "").path
        call = f"{method} {path}"
        try:
            with self.quotas.turn(method, path) as heed:
                response = super().send(request, **options)
                heed(response.headers, response.status_code)
            body = b"" if response.ok else response.content
        except requests.RequestException as error:
            message = f"{call}: no complete response ({type(error).__name__})"
            raise RetryLater(message) from None
        failure = problem(call, response.status_code, response.headers, body)
        if failure is None and not response.is_redirect and response.status_code // 100 != 2:  # noqa: PLR2004
            failure = Refused(call, response.status_code, body)
        if failure:
            raise failure
        return response


def download(url: str, file: BinaryIO) -> None:
    """Write what is at a URL into a file, whole: where the transfer breaks off, it begins again.

    No credential goes along. Raises as ``Session.send``.
    """

    def once() -> None:
        file.seek(0)
        file.truncate()
        with Session(attempts=1) as session, session.get(url, stream=True) as response:
            try:
                file.writelines(response.iter_content(CHUNK))
            except requests.RequestException as error:
                message = f"GET {urlsplit(url).path}: the transfer broke off ({type(error).__name__})"
                raise RetryLater(message) from None

    attempt(once)


def document(response: requests.Response) -> Any:
    """The answer's JSON; raises ``AnswerUnreadable`` if it is none."""
    try:
        return parsed(response.content)
    except (ValueError, RecursionError):
        call = f"{response.request.method} {urlsplit(response.url).path}"
        kind = response.headers.get("Content-Type", "no content type")
        message = f"{call}: the response is not JSON ({kind}, {len(response.content)} bytes)"
        raise AnswerUnreadable(message) from None


def documents(response: requests.Response, items: str = "documents") -> list[Any]:
    """The answer's JSON, which has to be a list of ``items``; raises ``AnswerUnreadable`` if it is not."""
    answer = document(response)
    if not isinstance(answer, list):
        message = f"expected a list of {items}, got {type(answer).__name__}"
        raise AnswerUnreadable(message)
    return answer


def if_found(call: Callable[[], T]) -> T | None:
    """What a call gives, or ``None`` where a 404 is its answer."""
    try:
        return call()
    except Refused as refusal:
        if refusal.status == NOT_FOUND:
            return None
        raise


def part(answer: object, name: str, kind: type = object, whose: str = "the") -> Any:
    """One part of an answer, which the contract says is there; raises ``AnswerUnreadable`` if it is not."""
    there = answer.get(name) if isinstance(answer, dict) else None
    if there is None or not isinstance(there, kind):
        message = f"{whose} answer has no {name!r}"
        raise AnswerUnreadable(message)
    return there


def parsed(text: bytes | str) -> Any:
    """A JSON text's value, also where it holds half a surrogate pair or a number too large for orjson."""
    try:
        return orjson.loads(text)
    except ValueError:
        return json.loads(text)
