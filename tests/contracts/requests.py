"""Whether the requests that tests make fit the contract of the provider that they are made to.

The contracts are extracts of the providers' OpenAPI documents: the operations that Lifecycle calls, and of them only
what a request may be. Where public reports or recorded exchanges show that a document is wrong, the extract says so
in `x-amended`, with the source.
"""

import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from openapi_core import Config, OpenAPI
from openapi_core.contrib.starlette import StarletteOpenAPIRequest
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import demo.brevo.server
import demo.esp.server

CONTRACTS = {"api-key": "brevo", "authorization": "sendgrid"}
#: Tests that make requests which the provider refuses.
MEANT = frozenset(
    {
        "TestSendGrid.test_a_list_that_cannot_be_made_stops",
        "test_a_value_of_another_type_is_refused_later_with_the_reason",
    }
)
#: Of more rows than these, evenly chosen ones are looked at: that there are not too many, the demo's servers see to.
MOST_ROWS = 500
# What a document doesn't name is not sent, even where it forgets to say that nothing else is allowed.
STRICT = Config(additional_properties_default_policy="forbid")


class Recorder:
    """Hands calls to a provider's server, and keeps each kind of request once."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.requests: dict[tuple[str, str, bytes, bytes], Request] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on one call."""
        if scope["type"] != "http" or not scope["path"].startswith("/v3/"):
            await self.app(scope, receive, send)
            return
        messages: list[Message] = [await receive()]
        while messages[-1].get("more_body"):
            messages.append(await receive())
        body = b"".join(message.get("body", b"") for message in messages)
        key = (scope["method"], scope["path"], scope["query_string"], body)
        self.requests.setdefault(key, Request({**scope, "state": {}}))

        async def again() -> Message:
            return messages.pop(0) if messages else await receive()

        await self.app(scope, again, send)

    def unfit(self) -> list[str]:
        """Why requests that were made don't fit the contract, each with its method and path."""
        found = (
            f"{method} {path}: {reason}"
            for (method, path, _, body), request in self.requests.items()
            for reason in reasons(request, body)
        )
        return list(dict.fromkeys(found))


@pytest.fixture(autouse=True)
def requests_fit_the_contract(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail a test that makes a request which its provider's contract doesn't have, unless it means to."""
    recorders: list[Recorder] = []

    def recorded(controlled: Callable[..., ASGIApp]) -> Callable[..., ASGIApp]:
        def made(*args: Any) -> ASGIApp:
            recorders.append(Recorder(controlled(*args)))
            return recorders[-1]

        return made

    for module in (demo.esp.server, demo.brevo.server):
        monkeypatch.setattr(module, "controlled", recorded(module.controlled))
    yield
    unfit = [reason for each in recorders for reason in each.unfit()]
    name = (
        request.function.__qualname__ if request.cls is None else f"{request.cls.__name__}.{request.function.__name__}"
    )
    if name in MEANT:
        assert unfit, f"{name} makes no unfit request: it is not to be excepted"
    else:
        assert unfit == []


@cache
def contract(provider: str) -> OpenAPI:
    """The contract of `sendgrid` or `brevo`."""
    document = (Path(__file__).parent / f"{provider}.json").read_text(encoding="utf-8")
    return OpenAPI.from_dict(json.loads(document), config=STRICT)


def reasons(request: Request, body: bytes) -> Iterator[str]:
    """Why a request does not fit; nothing if it does."""
    provider = next((provider for header, provider in CONTRACTS.items() if header in request.headers), None)
    if provider is None:
        yield "no key"
        return
    api, asked = contract(provider), StarletteOpenAPIRequest(request, _with_fewer_rows(body))
    errors = list(api.iter_request_errors(asked))
    for error in errors:
        yield "; ".join(_words(error))
    if request.query_params and not errors:
        unknown = set(request.query_params) - set(api.unmarshal_request(asked).parameters.query)
        yield from (f"the contract has no parameter {name}" for name in sorted(unknown))


def _with_fewer_rows(body: bytes) -> bytes:
    if len(body) < MOST_ROWS * 20:
        return body
    document = json.loads(body)
    for name in {"contacts", "jsonBody"} & document.keys():
        document[name] = document[name][:: len(document[name]) // MOST_ROWS + 1]
    return json.dumps(document).encode()


def _words(error: BaseException) -> Iterator[str]:
    """What is wrong, each with its place in the body if the error knows it."""
    causes = [error]
    while (cause := causes[-1].__cause__) is not None:
        causes.append(cause)
    details = [detail for each in causes for detail in getattr(each, "schema_errors", ())]
    yield from (f"{detail.json_path}: {detail.message}" for detail in details)
    if not details:
        yield from (str(each) or type(each).__name__ for each in causes)
