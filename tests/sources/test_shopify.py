"""Shopify's own ways: bulk operations, cursors, points, scopes, and queries that its schema holds."""

import json
from datetime import UTC, datetime

import graphql
import pytest
from graphql.validation import NoDeprecatedCustomRule, specified_rules

from lifecycle.errors import AnswerUnreadable, RetryLater
from lifecycle.sources import source_kind
from lifecycle.sources.shopify import queries
from lifecycle.sources.shopify.queries import KINDS
from lifecycle.testing.cases import BEGIN, RecordingHost, answering, moment
from tests.sources import shopify_server as server
from tests.sources.shopify_documents import document, gid
from tests.sources.shopify_reading import filled, number, numbers, opened, read, refusal
from tests.sources.shopify_server import SCHEMA, Shopify

API = r"/graphql\.json$"
TEXTS = [
    queries.SCOPES,
    queries.ANY_COMPANY,
    queries.MORE_LINES,
    queries.RUN_BULK,
    queries.BULK_STATE,
    *(kind.listing_query() for kind in KINDS),
    *(kind.bulk_query(with_companies=b2b) for kind in KINDS for b2b in (True, False)),
    *(kind.page_query(with_companies=b2b) for kind in KINDS for b2b in (True, False)),
]

every_kind = pytest.mark.parametrize("kind", [kind.name for kind in KINDS])


@pytest.fixture
def shopify(host: RecordingHost, monkeypatch: pytest.MonkeyPatch) -> Shopify:
    shop = filled(monkeypatch)
    host.show(shop.app)
    return shop


@pytest.mark.parametrize("text", TEXTS)
def test_every_query_is_in_the_schema(text: str) -> None:
    assert graphql.validate(SCHEMA, graphql.parse(text), [*specified_rules, NoDeprecatedCustomRule]) == []


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_no_page_can_cost_more_than_shopify_allows(kind: queries.Kind) -> None:
    first = source_kind("shopify").spec(kind.name).page_size
    assert server.cost(kind.page_query(with_companies=True), {"first": first}) <= server.DEAREST
    assert server.cost(queries.MORE_LINES, {"first": 200}) <= server.DEAREST


@every_kind
def test_a_first_reading_and_a_later_one_give_the_same_documents(
    host: RecordingHost, shopify: Shopify, kind: str
) -> None:
    shopify.documents["orders"][gid("Order", 3)]["lineItems"] *= 2
    everything, changed = read(host, kind), read(host, kind, BEGIN)
    assert numbers(everything) == list(range(1, 26))
    by_id = {item["id"]: item for item in changed}
    assert {item["id"]: item for item in everything} == by_id
    assert all(opened(host, kind).changed_at(item) for item in everything)


@every_kind
def test_a_later_reading_asks_for_what_changed_since(host: RecordingHost, shopify: Shopify, kind: str) -> None:
    assert numbers(read(host, kind, moment(21))) == [21, 22, 23, 24, 25]
    assert not shopify.bulk.operations


@every_kind
def test_the_oldest_change_comes_first(host: RecordingHost, shopify: Shopify, kind: str) -> None:
    shopify.put(kind, document(kind, 1, moment(30)))
    assert [number(item) for item in read(host, kind, moment(24))] == [24, 25, 1]


@every_kind
def test_a_listing_has_the_ids_of_all(host: RecordingHost, shopify: Shopify, kind: str) -> None:
    stream = opened(host, kind)
    assert stream.listing
    documents = [item for page in stream.listing() for item in page]
    assert {stream.key(item) for item in documents} == {str(n) for n in range(1, 26)}
    assert {*documents[0]} == {"id"}


@every_kind
def test_an_empty_shop_is_read_to_its_end(host: RecordingHost, kind: str) -> None:
    host.show(Shopify().app)
    assert read(host, kind) == read(host, kind, BEGIN) == []


@pytest.mark.parametrize("call", [4, 5])
def test_nothing_is_lost_when_documents_change_or_vanish_while_we_read(
    host: RecordingHost, shopify: Shopify, call: int
) -> None:
    def change() -> None:
        for n in (1, 9, 11, 20):
            shopify.put("orders", document("orders", n, moment(40 + n)))
        for n in (2, 10, 12):
            shopify.take("orders", n)

    host.before_call[call] = change
    assert {*range(1, 26)} - {2, 10, 12} <= {*numbers(read(host, "orders", BEGIN))}


def test_all_lines_of_an_order_come(host: RecordingHost, shopify: Shopify, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lifecycle.sources.shopify.reader.LINES_PAGE_SIZE", 5)
    line = shopify.documents["orders"][gid("Order", 7)]["lineItems"][0]
    lines = [{**line, "id": gid("LineItem", 100 + n)} for n in range(queries.LINES_AT_FIRST + 12)]
    shopify.put("orders", document("orders", 7, moment(7), lineItems=lines))
    for since in (None, BEGIN):
        order = next(item for item in read(host, "orders", since) if item["id"] == gid("Order", 7))
        assert [each["id"] for each in order["lineItems"]["nodes"]] == [each["id"] for each in lines]
        assert [*order["lineItems"]] == ["nodes"]


def test_an_order_that_vanishes_while_its_lines_are_read_is_read_later(host: RecordingHost, shopify: Shopify) -> None:
    order = shopify.documents["orders"][gid("Order", 25)]
    order["lineItems"] *= queries.LINES_AT_FIRST + 1
    host.before_call[4] = lambda: shopify.take("orders", 25)
    assert "vanished" in refusal(host, "orders", RetryLater, moment(25))


def test_deep_paging_begins_anew_at_the_last_change(
    host: RecordingHost, shopify: Shopify, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lifecycle.sources.shopify.reader.DEEPEST_PAGING", 20)
    monkeypatch.setattr("tests.sources.shopify_server.DEEPEST", 19)
    assert {*numbers(read(host, "products", BEGIN))} == {*range(1, 26)}


def test_many_changes_of_one_moment_are_paged_through_by_cursor(
    host: RecordingHost, shopify: Shopify, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lifecycle.sources.shopify.reader.DEEPEST_PAGING", 10)
    for n in range(1, 26):
        shopify.put("products", document("products", n, BEGIN))
    assert numbers(read(host, "products", BEGIN)) == list(range(1, 26))


@pytest.mark.parametrize(
    "answer",
    [
        {"nodes": []},
        {"nodes": [], "pageInfo": {"endCursor": None}},
        {"nodes": [], "pageInfo": {"hasNextPage": True, "endCursor": None}},
        {"nodes": [], "pageInfo": {"hasNextPage": None, "endCursor": "x"}},
        {"nodes": None, "pageInfo": {"hasNextPage": False}},
        {"nodes": [], "pageInfo": {"hasNextPage": True, "endCursor": "x"}},
        None,
        [],
    ],
    ids=str,
)
def test_a_page_that_does_not_say_whether_it_is_the_last_is_unreadable(
    host: RecordingHost, shopify: Shopify, answer: object
) -> None:
    granted = {"accessScopes": [{"handle": scope} for scope in server.SCOPES]}
    body = {"data": {"currentAppInstallation": granted, "products": answer}}
    host.show(answering(shopify.app, API, json.dumps(body).encode()))
    refusal(host, "products", AnswerUnreadable, BEGIN)


@pytest.mark.parametrize("since", [None, BEGIN], ids=["first", "later"])
def test_a_shop_without_companies_has_all_but_companies(
    host: RecordingHost, shopify: Shopify, since: datetime | None, caplog: pytest.LogCaptureFixture
) -> None:
    shopify.has_b2b = False
    assert [len(read(host, kind.name, since)) for kind in KINDS] == [25, 25, 25, 0]
    assert "no companies are read" in caplog.text
    listing = opened(host, "companies").listing
    assert listing
    assert [*listing()] == []


def test_companies_come_with_orders_and_customers(host: RecordingHost, shopify: Shopify) -> None:
    company = {"company": {"id": gid("Company", 1), "name": "Lee & Sons", "externalId": "17"}}
    entity = {**company, "__typename": "PurchasingCompany"}
    shopify.put("orders", document("orders", 1, BEGIN, purchasingEntity=entity))
    shopify.put("customers", document("customers", 1, BEGIN, companyContactProfiles=[company]))
    for since in (None, BEGIN):
        assert [item for item in read(host, "orders", since) if item["purchasingEntity"] == company]
        assert [item for item in read(host, "customers", since) if item["companyContactProfiles"] == [company]]


def test_moments_are_asked_for_in_utc(host: RecordingHost, shopify: Shopify) -> None:
    assert numbers(read(host, "orders", datetime(2017, 12, 10, 21, tzinfo=UTC))) == [21, 22, 23, 24, 25]
