"""Where more has vanished than may, or a listing is not whole, nothing is marked."""

import pytest

from lifecycle.errors import AccessDenied, AnswerUnreadable, GuardTripped, LifecycleError, RetryLater
from lifecycle.settings import Deletions
from lifecycle.testing.cases import RecordingHost, StreamCase, answering
from lifecycle.testing.faults import Fault
from tests.extract.deletions import (
    CUSTOMERS,
    DOCUMENTS,
    ORDERS,
    STRICT,
    detected,
    land,
    loaded,
    marked,
    one_of_each,
    refusal,
    take,
)
from tests.extract.pulls import rows

pytestmark = pytest.mark.usefixtures("quick_landing", "nothing_private_is_logged")


@one_of_each
def test_an_empty_answer_marks_nothing_whatever_the_limits(url: str, host: RecordingHost, case: StreamCase) -> None:
    vendor = case.vendor(DOCUMENTS)
    host.show(vendor.app)
    land(url, host, case)
    before = loaded(url, case)
    take(vendor, case, *range(1, DOCUMENTS + 1))
    words = refusal(url, host, case, GuardTripped)
    assert f"demo: {case.stream}: {DOCUMENTS} of {DOCUMENTS} are not there any more" in words
    assert "accept_loss" in words
    assert (loaded(url, case), marked(url, case)) == (before, set())
    assert rows(url, f"select * from raw.deletion_check where stream = '{case.stream}'") == []
    assert detected(url, host, case, STRICT, accept_loss=True)[case.stream] == DOCUMENTS
    assert marked(url, case) == set(range(1, DOCUMENTS + 1))


@one_of_each
def test_more_than_the_allowed_share_marks_nothing(url: str, host: RecordingHost, case: StreamCase) -> None:
    vendor = case.vendor(DOCUMENTS)
    host.show(vendor.app)
    land(url, host, case)
    take(vendor, case, 3, 7)
    words = refusal(url, host, case, GuardTripped, STRICT)
    assert f"demo: {case.stream}: 2 of 12 are not there any more; allowed: 10% of at least 10" in words
    assert marked(url, case) == set()
    case.put(vendor, 3)
    assert detected(url, host, case, STRICT)[case.stream] == 1
    assert marked(url, case) == {7}


def test_a_share_is_no_matter_in_a_small_stream(url: str, host: RecordingHost) -> None:
    shop = ORDERS.vendor(DOCUMENTS)
    host.show(shop.app)
    land(url, host, ORDERS)
    take(shop, ORDERS, *range(2, DOCUMENTS + 1))
    assert detected(url, host, ORDERS, Deletions(from_documents=DOCUMENTS + 1))["orders"] == DOCUMENTS - 1


def test_what_has_vanished_before_counts_neither_as_known_nor_as_lost(url: str, host: RecordingHost) -> None:
    shop = ORDERS.vendor(DOCUMENTS)
    host.show(shop.app)
    land(url, host, ORDERS)
    take(shop, ORDERS, *range(2, DOCUMENTS + 1))
    detected(url, host, ORDERS)
    take(shop, ORDERS, 1)
    assert "orders: 1 of 1 are" in refusal(url, host, ORDERS, GuardTripped)
    detected(url, host, ORDERS, accept_loss=True)
    assert detected(url, host, ORDERS) == {"orders": 0, "customers": 0, "products": 0}


def test_a_stream_that_lost_too_much_does_not_keep_the_others(url: str, host: RecordingHost) -> None:
    shop = ORDERS.vendor(DOCUMENTS)
    for n in range(1, DOCUMENTS + 1):
        CUSTOMERS.put(shop, n)
    host.show(shop.app)
    land(url, host, ORDERS)
    land(url, host, CUSTOMERS)
    take(shop, ORDERS, *range(1, DOCUMENTS + 1))
    take(shop, CUSTOMERS, 5)
    assert "customers" not in refusal(url, host, ORDERS, GuardTripped, STRICT)
    assert (marked(url, ORDERS), marked(url, CUSTOMERS)) == (set(), {5})
    assert rows(url, "select stream, vanished from raw.deletion_check order by 1") == [
        ("customers", 1),
        ("products", 0),
    ]


@one_of_each
@pytest.mark.parametrize(
    ("fault", "kind"), [("500", RetryLater), ("truncated", AnswerUnreadable), ("403", AccessDenied)]
)
def test_a_listing_that_fails_in_the_middle_marks_nothing(
    url: str, host: RecordingHost, case: StreamCase, fault: str, kind: type[LifecycleError]
) -> None:
    vendor = case.vendor(DOCUMENTS)
    host.show(vendor.app)
    land(url, host, case)
    before = loaded(url, case)
    take(vendor, case, 12)
    page = 1 if case.kind == "shopify" else 2  # all pages come in one file
    vendor.faults.add(Fault(fault, path=case.path, times=None, after=page - 1))
    assert refusal(url, host, case, kind).startswith(f"demo, listing of {case.stream}, page {page}: ")
    assert (loaded(url, case), marked(url, case)) == (before, set())
    assert rows(url, f"select * from raw.deletion_check where stream = '{case.stream}'") == []
    vendor.faults.clear()
    assert detected(url, host, case)[case.stream] == 1


def test_a_listed_document_without_a_key_marks_nothing(url: str, host: RecordingHost) -> None:
    shop = ORDERS.vendor(DOCUMENTS)
    host.show(shop.app)
    land(url, host, ORDERS)
    host.show(answering(shop.app, ORDERS.path, b'[{"id": 1}, {"number": "p1@example.com"}]'))
    assert "page 1: a document has no key" in refusal(url, host, ORDERS, AnswerUnreadable)
    assert marked(url, ORDERS) == set()
