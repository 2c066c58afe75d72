"""Shopify's bulk operations: waited for, fetched whole, put together."""

import json
from datetime import timedelta

import pytest

from lifecycle.errors import AccessDenied, AnswerUnreadable, RetryLater
from lifecycle.sources import Page
from lifecycle.testing.cases import RecordingHost, answering
from lifecycle.testing.faults import Fault
from tests.sources.shopify_documents import gid
from tests.sources.shopify_reading import filled, numbers, opened, read, refusal
from tests.sources.shopify_server import Shopify

FILES = "/_bulk/"


@pytest.fixture
def shopify(host: RecordingHost, monkeypatch: pytest.MonkeyPatch) -> Shopify:
    shop = filled(monkeypatch)
    host.show(shop.app)
    return shop


def test_pages_of_a_bulk_operation_say_how_many_documents_come(host: RecordingHost, shopify: Shopify) -> None:
    pages = opened(host, "orders").pages
    assert pages
    assert [(len(page), page.total) for page in pages(None) if isinstance(page, Page)] == [(10, 25), (10, 25), (5, 25)]


def test_a_bulk_operation_is_waited_for(host: RecordingHost, shopify: Shopify, pauses: list[float]) -> None:
    shopify.bulk.polls = 9
    assert len(read(host, "products")) == 25
    assert len(pauses) == 9
    assert max(pauses) == 10


@pytest.mark.parametrize("end", ["FAILED", "CANCELED", "EXPIRED"])
def test_a_bulk_operation_that_does_not_complete_is_tried_later(
    host: RecordingHost, shopify: Shopify, end: str
) -> None:
    shopify.bulk.end, shopify.bulk.error = end, "TIMEOUT"
    assert end in refusal(host, "products", RetryLater)
    assert not host.calls_to(FILES)


def test_a_bulk_operation_that_hangs_is_tried_later(
    host: RecordingHost, shopify: Shopify, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lifecycle.sources.shopify.bulk.PATIENCE", timedelta(seconds=0.05))
    shopify.bulk.polls = 99
    assert "still running" in refusal(host, "products", RetryLater)


def test_a_bulk_operation_that_is_denied_is_not_tried_again(host: RecordingHost, shopify: Shopify) -> None:
    shopify.bulk.end, shopify.bulk.error = "FAILED", "ACCESS_DENIED"
    assert "ACCESS_DENIED" in refusal(host, "products", AccessDenied)


@pytest.mark.parametrize("busy", ["OPERATION_IN_PROGRESS", "LIMIT_REACHED"])
def test_another_bulk_operation_is_given_its_time(host: RecordingHost, shopify: Shopify, busy: str) -> None:
    shopify.bulk.busy = busy
    assert "another" in refusal(host, "products", RetryLater)


def test_a_bulk_query_that_is_refused_is_unreadable(host: RecordingHost, shopify: Shopify) -> None:
    shopify.bulk.busy = "INVALID"
    assert "INVALID" in refusal(host, "products", AnswerUnreadable)


def test_a_file_that_breaks_off_is_fetched_again(
    host: RecordingHost, shopify: Shopify, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lifecycle.sources.shopify.bulk.CHUNK", 100)
    shopify.faults.add(Fault("reset_mid_body", path=FILES), Fault("500", path=FILES))
    assert numbers(read(host, "orders")) == list(range(1, 26))
    assert len(pauses) == 2
    assert len(shopify.bulk.operations) == 1


@pytest.mark.parametrize("cut", [1, -1, 11])
def test_a_file_with_fewer_or_more_documents_than_it_should_have_is_unreadable(
    host: RecordingHost, shopify: Shopify, cut: int
) -> None:
    lines = b"".join(json.dumps({"id": gid("Product", n)}).encode() + b"\n" for n in range(25 - cut))
    host.show(answering(shopify.app, FILES, lines))
    assert f"{25 - cut} of 25" in refusal(host, "products", AnswerUnreadable)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[1]",
        b"null",
        b"<html>",
        b'{"id": "gid://shopify/Pro',
        b'{"id": "x", "__parentId": "gid://shopify/Order/9"}',
    ],
)
def test_a_file_with_a_line_that_does_not_fit_is_unreadable(host: RecordingHost, shopify: Shopify, line: bytes) -> None:
    host.show(answering(shopify.app, FILES, b'{"id": "gid://shopify/Order/1"}\n' + line + b"\n"))
    assert "a line of" in refusal(host, "orders", AnswerUnreadable)
