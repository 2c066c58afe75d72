"""What is Shopware's own: tokens, privileges, pages that follow a field, changes of an order's parts."""

import json
from datetime import UTC, datetime, timedelta, timezone
from functools import partial

import pytest

from lifecycle import extract, settings
from lifecycle.errors import AccessDenied, AnswerUnreadable, LifecycleError
from lifecycle.sources import Document, Stream, source_kind
from lifecycle.testing.cases import BEGIN, RUN_DATE, RecordingHost, answering
from lifecycle.testing.faults import Fault
from lifecycle.testing.pages import change_sources, in_pages_of
from tests.sources.cases import PRIVATE
from tests.sources.shopware_documents import CASES, ENTITIES, LOGIN, PASSWORD, SHOP, at, document, key
from tests.sources.shopware_server import ASSOCIATIONS, Shopware

PAGE = 10
COUNT = 25

every_stream = pytest.mark.parametrize("name", ENTITIES)


@pytest.fixture
def host(the_host: RecordingHost, monkeypatch: pytest.MonkeyPatch) -> RecordingHost:
    change_sources(monkeypatch, partial(in_pages_of, PAGE))
    return the_host


def numbers(documents: list[Document]) -> list[int]:
    return [int(document["id"]) for document in documents]


def filled(name: str, count: int = COUNT) -> Shopware:
    shop: Shopware = next(case for case in CASES if case.stream == name).vendor(count)
    return shop


def opened(host: RecordingHost, password: str = PASSWORD) -> dict[str, Stream]:
    connection = settings.Connection("test", host=host.url, login=LOGIN, password=password)
    return {stream.name: stream for stream in source_kind("shopware").open(SHOP, connection, RUN_DATE)}


def read(host: RecordingHost, name: str, since: datetime | None = None) -> list[Document]:
    tables = extract._tables("demo", extract._Reading(opened(host)[name], since))
    return [json.loads(row["doc"]) for table in tables for row in table.to_pylist()]


def refusal(host: RecordingHost, name: str, kind: type[LifecycleError]) -> str:
    with pytest.raises(kind) as raised:
        read(host, name)
    assert type(raised.value) is kind
    words = str(raised.value)
    assert not [word for word in (*PRIVATE, LOGIN, PASSWORD, "Bearer") if word in words]
    return words


def test_the_streams_are_those_that_are_declared(host: RecordingHost) -> None:
    assert tuple(opened(host)) == tuple(spec.name for spec in source_kind("shopware").streams) == tuple(ENTITIES)


@every_stream
def test_a_page_tells_how_many_documents_there_are_in_all(host: RecordingHost, name: str) -> None:
    host.show(filled(name).app)
    pages = opened(host)[name].pages
    assert pages
    assert {getattr(page, "total", None) for page in pages(None)} == {COUNT}


def test_a_document_holds_what_was_asked_for_and_nothing_else(host: RecordingHost) -> None:
    host.show(filled("orders", 1).app)
    (order,) = read(host, "orders")
    assert "secret" not in json.dumps(order)
    assert order["transactions"][0]["stateMachineState"]["technicalName"] == "open"
    assert order["billingAddress"]["country"]["iso"] == "DE"


def _vanish(shop: Shopware, name: str, gone: list[int]) -> None:
    for n in gone:
        shop.take(ENTITIES[name], key(n))


@pytest.mark.parametrize("call", [3, 4])
@pytest.mark.parametrize("gone", [[20], [8], list(range(4, 23)), list(range(1, 26))], ids=str)
@every_stream
def test_what_stays_is_not_lost_when_others_vanish_while_we_read(
    host: RecordingHost, name: str, gone: list[int], call: int
) -> None:
    shop = filled(name)
    host.show(shop.app)
    host.before_call[call] = partial(_vanish, shop, name, gone)
    assert {*numbers(read(host, name))} >= {*range(1, COUNT + 1)} - {*gone}


@every_stream
def test_nothing_is_lost_when_as_many_join_as_vanish(host: RecordingHost, name: str) -> None:
    shop = filled(name)
    host.show(shop.app)

    def exchange() -> None:
        for n in (2, 3, 4):
            shop.take(ENTITIES[name], key(n))
            shop.put(ENTITIES[name], document(name, 30 + n))

    host.before_call[3] = exchange
    assert {*numbers(read(host, name))} >= {*range(1, COUNT + 1)}


@pytest.mark.parametrize("name", ["newsletter_recipients", "state_history"])
def test_more_documents_of_one_moment_than_fit_a_page_all_come_once(host: RecordingHost, name: str) -> None:
    shop = filled(name, 7)
    for n in range(8, 43):
        shop.put(ENTITIES[name], document(name, n, createdAt=at(8)))
    shop.put(ENTITIES[name], document(name, 43))
    host.show(shop.app)
    assert sorted(numbers(read(host, name))) == list(range(1, 44))


@every_stream
def test_a_short_page_is_no_end_while_the_total_says_that_there_is_more(host: RecordingHost, name: str) -> None:
    documents = [{**document(name, n), "autoIncrement": n} for n in range(1, 4)]
    pages = iter([{"data": documents[:2], "total": 3}, {"data": documents[2:], "total": 1}])
    shop = Shopware()
    host.show(shop.app)
    host.before_call[2] = lambda: setattr(
        host, "app", answering(shop.app, "/search/", json.dumps(next(pages)).encode())
    )
    host.before_call[3] = host.before_call[2]
    assert numbers(read(host, name)) == [1, 2, 3]


@every_stream
def test_a_server_that_gives_a_page_again_is_unreadable(host: RecordingHost, name: str) -> None:
    documents = [{**document(name, n), "autoIncrement": n} for n in range(1, PAGE + 1)]
    body = json.dumps({"data": documents, "total": COUNT}).encode()
    host.show(answering(Shopware().app, "/search/", body))
    assert "again" in refusal(host, name, AnswerUnreadable)


def test_what_was_created_or_changed_since_a_moment_is_read(host: RecordingHost) -> None:
    shop = filled("customers")
    shop.put("customer", document("customers", 3, updatedAt=at(22)))
    shop.put("customer", document("customers", 5, defaultBillingAddress={"updatedAt": at(23)}))
    host.show(shop.app)
    since = (BEGIN + timedelta(hours=21)).astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert numbers(read(host, "customers", since)) == [3, 5, 21, 22, 23, 24, 25]


@pytest.mark.parametrize(
    "part",
    [
        {"orderCustomer": {"updatedAt": at(30)}},
        {"billingAddress": {"updatedAt": at(30)}},
        {"transactions": [{"createdAt": at(1), "updatedAt": at(30)}, {"createdAt": at(2), "updatedAt": None}]},
        {"transactions": [{"createdAt": at(30), "updatedAt": None, "captures": []}]},
        {"transactions": [{"captures": [{"refunds": [{"createdAt": at(30), "updatedAt": None}]}]}]},
        {"transactions": [{"captures": [{"refunds": [{"createdAt": at(2), "updatedAt": at(30)}]}]}]},
    ],
)
def test_an_order_is_read_when_only_a_part_of_it_changed(host: RecordingHost, part: Document) -> None:
    shop = filled("orders", 3)
    shop.put("order", document("orders", 2, **part))
    host.show(shop.app)
    (order,) = read(host, "orders", BEGIN + timedelta(hours=29))
    assert numbers([order]) == [2]
    assert opened(host)["orders"].changed_at(order) == BEGIN + timedelta(hours=30)


def test_the_history_is_of_orders_and_payments_only(host: RecordingHost) -> None:
    shop = filled("state_history", 3)
    shop.put("state_machine_history", document("state_history", 2, entityName="order_delivery"))
    host.show(shop.app)
    assert numbers(read(host, "state_history")) == [1, 3]


@every_stream
def test_a_listing_gives_every_id_and_little_else(host: RecordingHost, name: str) -> None:
    host.show(filled(name).app)
    stream = opened(host)[name]
    if name == "state_history":
        assert stream.listing is None
        return
    assert stream.listing
    listed = [each for page in stream.listing() for each in page]
    assert [int(stream.key(each)) for each in listed] == list(range(1, COUNT + 1))
    assert max(len(each) for each in listed) <= 3


def test_one_token_serves_all_streams(host: RecordingHost) -> None:
    shop = Shopware()
    host.show(shop.app)
    for stream in opened(host).values():
        assert stream.pages
        list(stream.pages(None))
    assert shop.tokens_given == 1


def test_a_token_is_renewed_before_it_ends(host: RecordingHost, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = filled("orders")
    now = [1000.0]
    monkeypatch.setattr("lifecycle.sources.shopware.integration.time.monotonic", lambda: now[0])
    host.show(shop.app)
    pages = opened(host)["orders"].pages
    assert pages
    reading = pages(None)
    next(reading)
    assert shop.tokens_given == 1
    now[0] += 539
    next(reading)
    assert shop.tokens_given == 1
    now[0] += 1
    next(reading)
    assert shop.tokens_given == 2


@every_stream
def test_a_token_that_is_refused_in_the_middle_is_renewed(host: RecordingHost, name: str) -> None:
    shop = filled(name)
    host.show(shop.app)
    host.before_call[3] = shop.tokens.clear
    assert numbers(read(host, name)) == list(range(1, COUNT + 1))
    assert shop.tokens_given == 2


@pytest.mark.parametrize("accepted", [0, 1], ids=["never accepted", "accepted once"])
@every_stream
def test_a_token_is_renewed_once_and_only_if_it_was_accepted(host: RecordingHost, name: str, accepted: int) -> None:
    shop = filled(name)
    shop.faults.add(Fault("401", path="/search/", after=accepted, times=None))
    host.show(shop.app)
    assert "401" in refusal(host, name, AccessDenied)
    assert shop.tokens_given == 1 + accepted
    assert len(host.calls_to("/search/")) == 1 + 2 * accepted


def test_a_wrong_secret_is_told_without_it(host: RecordingHost) -> None:
    host.show(Shopware(password="another").app)
    words = refusal(host, "orders", AccessDenied)
    assert words == (
        "demo, stream orders, page 1: POST /api/oauth/token: 401, the credential is refused: "
        "Client authentication failed"
    )


@every_stream
def test_each_right_that_a_stream_names_is_needed_and_named_when_it_is_missing(host: RecordingHost, name: str) -> None:
    shop = Shopware()
    host.show(shop.app)
    for right in opened(host)[name].right.split(", "):
        shop.missing_privileges = {right}
        assert refusal(host, name, AccessDenied).endswith(f"403, the integration's role lacks {right}")
    rights = {
        f"{entity}:read"
        for entity in {*ASSOCIATIONS} | {to for there in ASSOCIATIONS.values() for to in there.values()}
    }
    shop.missing_privileges = rights - {*opened(host)[name].right.split(", ")}
    assert read(host, name) == []


@pytest.mark.parametrize("detail", ["p1@example.com", "Missing privilege order:read of p1@example.com"])
def test_a_refusal_tells_nothing_but_privileges(host: RecordingHost, detail: str) -> None:
    shop = Shopware()
    shop.faults.add(Fault("403", path="/search/", body={"errors": [{"detail": detail}]}))
    host.show(shop.app)
    lacking = "order:read" if "order" in detail else "the right"
    assert refusal(host, "orders", AccessDenied).endswith(f": 403, the integration's role lacks {lacking}")


def test_another_address_is_told_as_such(host: RecordingHost) -> None:
    shop = Shopware()
    shop.faults.add(Fault("404", path="/oauth/"))
    host.show(shop.app)
    assert "without /api" in refusal(host, "orders", AnswerUnreadable)


def test_a_limit_that_the_shop_does_not_allow_is_named_by_its_code(
    host: RecordingHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_sources(monkeypatch, partial(in_pages_of, 501))
    host.show(Shopware().app)
    assert "400: FRAMEWORK__QUERY_LIMIT_EXCEEDED" in refusal(host, "orders", AnswerUnreadable)


@pytest.mark.parametrize("body", [{"errors": [{"code": "p1@example.com"}]}, {"errors": [1]}, [], None, "text"])
def test_a_refusal_without_a_code_of_shopwares_quotes_nothing(host: RecordingHost, body: object) -> None:
    shop = Shopware()
    shop.faults.add(Fault("412", path="/search/", body=body))
    host.show(shop.app)
    assert "412" in refusal(host, "orders", AnswerUnreadable)


@pytest.mark.parametrize("kind", ["429", "500", "reset_mid_body"])
@every_stream
def test_one_failure_in_the_middle_is_tried_again(
    host: RecordingHost, name: str, kind: str, pauses: list[float]
) -> None:
    shop = filled(name)
    shop.faults.add(Fault(kind, path="/search/", after=1), Fault(kind, path="/oauth/"))
    host.show(shop.app)
    assert numbers(read(host, name)) == list(range(1, COUNT + 1))
    assert len(pauses) == 2


def test_moments_that_are_no_dates_tell_nothing(host: RecordingHost) -> None:
    changed_at = opened(host)["orders"].changed_at
    assert changed_at({"createdAt": "yesterday", "updatedAt": None, "transactions": [None, {"updatedAt": 3}]}) is None
    assert changed_at({"createdAt": "2017-12-10T01:00:00+02:00"}) == datetime(2017, 12, 9, 23, tzinfo=UTC)
