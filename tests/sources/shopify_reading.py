"""A small Shopify shop, and readings of it."""

from datetime import datetime
from functools import partial

import pytest

from lifecycle.errors import LifecycleError
from lifecycle.sources import Document, Stream
from lifecycle.sources.shopify import ShopifyShop
from lifecycle.testing.cases import RecordingHost, StreamCase, moment
from lifecycle.testing.pages import change_sources, in_pages_of
from tests.sources.shopify_documents import KINDS, document
from tests.sources.shopify_server import Shopify

PRIVATE = ("shpat_demo", "shpss_demo", "example.com", "secret=", "127.0.0.1", "updated_at")
SHOP = ShopifyShop(kind="shopify", connection="shop", timezone="UTC", currency="USD")


def put(kind: str, shop: Shopify, n: int) -> None:
    shop.put(kind, document(kind, n, moment(n)))


def number(item: Document) -> int:
    return int(item["id"].rpartition("/")[2])


def case(kind: str) -> StreamCase:
    """The first reading of one kind; its documents come in the file of a bulk operation."""
    return StreamCase(
        "shopify",
        kind,
        "/_bulk/",
        partial(put, kind),
        wrap="{}".format,
        new=Shopify,
        config=SHOP,
        login="",
        password="shpat_demo",
        number=number,
        reader="bulk",
    )


CASES = [case(kind) for kind in KINDS]


def filled(monkeypatch: pytest.MonkeyPatch) -> Shopify:
    """A shop with 25 documents of each kind, an hour apart, to be read in pages of 10."""
    change_sources(monkeypatch, partial(in_pages_of, 10))
    monkeypatch.setattr("lifecycle.sources.shopify.bulk.BULK_PAGE", 10)
    shop = Shopify()
    for kind in KINDS:
        for n in range(1, 26):
            put(kind, shop, n)
    return shop


def opened(host: RecordingHost, kind: str) -> Stream:
    return case(kind).open(host)


def read(host: RecordingHost, kind: str, since: datetime | None = None) -> list[Document]:
    pages = opened(host, kind).pages
    assert pages
    return [item for page in pages(since) for item in page]


def numbers(documents: list[Document]) -> list[int]:
    return sorted(map(number, documents))


def refusal(host: RecordingHost, kind: str, error: type[LifecycleError], since: datetime | None = None) -> str:
    """The words of the error that a reading ends with, which hold nothing private."""
    with pytest.raises(error) as raised:
        read(host, kind, since)
    words = str(raised.value)
    assert not [word for word in PRIVATE if word in words]
    return words
