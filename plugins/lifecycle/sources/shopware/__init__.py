"""Shopware 6, Admin API: orders, customers, products, newsletter recipients and changes of state."""

from collections.abc import Mapping
from datetime import date
from typing import Literal

from pydantic import Field

from lifecycle.settings import Connection, Shop, Statuses
from lifecycle.sources import SourceKind, Stream, StreamSpec, key_of
from lifecycle.sources.shopware.searches import ORDERS, SEARCHES, Search

PAGE_SIZE = 500


class ShopwareShop(Shop):
    """By Shopware 6's Admin API; the fields are custom fields of its customers."""

    kind: Literal["shopware"]
    connection: str
    paid_statuses: Statuses = Field(default=["paid", "paid_partially", "refunded", "refunded_partially"])
    consent_field: str | None = None
    account_field: str | None = None


def _connect(shop: ShopwareShop, connection: Connection, _: date, wanted: Mapping[str, StreamSpec]) -> list[Stream]:
    from lifecycle.sources.shopware.reader import streams

    return streams(shop, connection, wanted)


def _spec(name: str, search: Search) -> StreamSpec:
    ordered_at = "orderDateTime" if search is ORDERS else None
    return StreamSpec(name, key_of("id"), search.rights(), PAGE_SIZE, ordered_at=ordered_at)


SOURCE = SourceKind("shopware", ShopwareShop, tuple(_spec(*item) for item in SEARCHES.items()), _connect)
