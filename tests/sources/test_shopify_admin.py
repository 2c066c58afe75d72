"""Shopify's Admin API: how one signs in, its points, its scopes and its errors."""

import json
from datetime import datetime
from typing import Any

import pytest

from lifecycle import web
from lifecycle.errors import AccessDenied, AnswerUnreadable, LifecycleError, RetryLater
from lifecycle.settings import Connection
from lifecycle.sources import Document, source_kind
from lifecycle.sources.shopify import queries
from lifecycle.testing.cases import BEGIN, RUN_DATE, RecordingHost, answering, moment
from tests.sources import shopify_server as server
from tests.sources.shopify_reading import SHOP, filled, numbers, opened, read, refusal
from tests.sources.shopify_server import Shopify

API = r"/graphql\.json$"
FILES = "/_bulk/"


@pytest.fixture
def shopify(host: RecordingHost, monkeypatch: pytest.MonkeyPatch) -> Shopify:
    shop = filled(monkeypatch)
    host.show(shop.app)
    return shop


def failing(*errors: Document, **beside: Any) -> bytes:
    return json.dumps({"errors": errors, **beside}).encode()


@pytest.mark.parametrize("since", [None, BEGIN], ids=["first", "later"])
@pytest.mark.parametrize(
    ("kind", "scope"),
    [("orders", "read_orders"), ("orders", "read_all_orders"), ("customers", "read_customers")],
)
def test_a_missing_scope_is_named_before_anything_is_read(
    host: RecordingHost, shopify: Shopify, kind: str, scope: str, since: datetime | None
) -> None:
    shopify.scopes.remove(scope)
    assert refusal(host, kind, AccessDenied, since) == f"scope {scope} is missing"
    stream = opened(host, kind)
    assert scope in stream.right
    assert stream.probe
    assert stream.listing
    with pytest.raises(AccessDenied, match=scope):
        stream.probe()
    with pytest.raises(AccessDenied, match=scope):
        next(stream.listing())
    assert not shopify.bulk.operations


def test_the_right_to_write_holds_the_right_to_read(host: RecordingHost, shopify: Shopify) -> None:
    shopify.scopes = {"write_orders", "read_all_orders", "write_customers", "write_products"}
    probe = opened(host, "orders").probe
    assert probe
    probe()


def test_a_throttled_query_waits_for_the_points_that_it_lacks(
    host: RecordingHost, shopify: Shopify, pauses: list[float]
) -> None:
    shopify.throttled, shopify.available = 1, 0
    assert numbers(read(host, "products", moment(25))) == [25]
    assert pauses[0] == 1
    lacking = server.cost(queries.PRODUCTS.page_query(with_companies=False), {"first": 10}) / shopify.restored
    assert sum(pauses[1:]) <= lacking


def test_the_next_query_waits_until_the_bucket_holds_what_the_last_one_cost(
    host: RecordingHost, shopify: Shopify, pauses: list[float]
) -> None:
    shopify.available, shopify.restored = 0, 1
    read(host, "products", BEGIN)
    points = server.cost(queries.PRODUCTS.page_query(with_companies=False), {"first": 10})
    assert pauses[1:] == pytest.approx([points, points], abs=1)


def test_throttling_that_lasts_is_tried_later(host: RecordingHost, shopify: Shopify, pauses: list[float]) -> None:
    shopify.throttled = 100
    assert "throttled" in refusal(host, "products", RetryLater)
    assert len(pauses) == web.ATTEMPTS - 1


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("INTERNAL_SERVER_ERROR", RetryLater),
        ("TIMEOUT", RetryLater),
        ("MAX_COST_EXCEEDED", AnswerUnreadable),
        ("undefinedField", AnswerUnreadable),
    ],
)
def test_an_error_in_the_answer_is_one_though_data_come_with_it(
    host: RecordingHost, shopify: Shopify, code: str, error: type[LifecycleError], pauses: list[float]
) -> None:
    failure = {"message": "p1@example.com", "path": ["orders", "nodes", 0, "email"], "extensions": {"code": code}}
    host.show(answering(shopify.app, API, failing(failure, data={"orders": {"nodes": []}})))
    words = refusal(host, "orders", error)
    assert "orders.nodes.email" in words
    assert len(pauses) == (web.ATTEMPTS - 1 if error is RetryLater else 0)


@pytest.mark.parametrize("errors", [["p1@example.com"], "p1@example.com", [{"message": "p1@example.com"}]], ids=str)
def test_errors_of_another_shape_are_unreadable(host: RecordingHost, shopify: Shopify, errors: object) -> None:
    host.show(answering(shopify.app, API, json.dumps({"errors": errors}).encode()))
    assert "refuses the query" in refusal(host, "orders", AnswerUnreadable)


def test_a_denied_field_is_named_with_its_scope(host: RecordingHost, shopify: Shopify) -> None:
    extensions = {"code": "ACCESS_DENIED", "requiredAccess": "`read_orders` access scope."}
    error = {"message": "Access denied", "path": ["orders"], "extensions": extensions}
    host.show(answering(shopify.app, API, failing(error)))
    assert refusal(host, "orders", AccessDenied) == "the Admin API denies orders: it needs read_orders"


def test_the_token_goes_nowhere_but_to_the_admin_api(
    host: RecordingHost, shopify: Shopify, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, bool]] = []

    async def noted(scope: Any, receive: Any, send: Any) -> None:
        seen.append((scope["path"], b"x-shopify-access-token" in dict(scope["headers"])))
        await shopify.app(scope, receive, send)

    host.show(noted)
    read(host, "orders")
    assert [has_token for _, has_token in seen] == [FILES not in path for path, _ in seen]
    assert seen[-1][0].startswith(FILES)


@pytest.mark.parametrize(("lasts", "times"), [(86399, 1), (0, 3)])
def test_a_client_signs_in_for_a_token_as_often_as_it_runs_out(
    host: RecordingHost, shopify: Shopify, lasts: int, times: int
) -> None:
    shopify.token_lasts = lasts
    client = Connection("test", host=host.url, login="client", password="shpss_demo")
    pages = source_kind("shopify").open(SHOP, client, RUN_DATE)[2].pages
    assert pages
    assert sum(len(page) for page in pages(moment(11))) == 15
    assert len(host.calls_to("/oauth/")) == times


def test_a_client_that_is_refused_is_not_tried_again(host: RecordingHost, shopify: Shopify) -> None:
    probe = (
        source_kind("shopify")
        .open(SHOP, Connection("test", host=host.url, login="client", password="other"), RUN_DATE)[0]
        .probe
    )
    assert probe
    with pytest.raises(AccessDenied, match="client id and secret are refused"):
        probe()
    assert len(host.calls) == 1


def test_a_redirect_is_not_followed_with_the_token(host: RecordingHost, shopify: Shopify) -> None:
    async def elsewhere(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"location", f"{host.url}/elsewhere".encode())]
        await send({"type": "http.response.start", "status": 307, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    host.show(elsewhere)
    refusal(host, "orders", AnswerUnreadable)
    assert len(host.calls) == 1


@pytest.mark.parametrize("since", [None, BEGIN], ids=["first", "later"])
def test_a_refused_token_is_not_tried_again(host: RecordingHost, shopify: Shopify, since: datetime | None) -> None:
    host.show(Shopify(token="another").app)
    assert "401" in refusal(host, "orders", AccessDenied, since)
    assert len(host.calls) == 1
