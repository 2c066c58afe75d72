"""Shopify, Admin GraphQL API: orders, customers, products and, where the shop sells to them, companies."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from lifecycle.settings import Connection, Shop, Statuses
from lifecycle.sources import Document, SourceKind, Stream, StreamSpec, identity
from lifecycle.sources.shopify.queries import KINDS, Kind


class ShopifyShop(Shop):
    """By Shopify's Admin GraphQL API."""

    kind: Literal["shopify"]
    connection: str
    api_version: Annotated[str, Field(pattern=r"^\d{4}-(01|04|07|10)$")] = "2026-07"
    paid_statuses: Statuses = Field(default=["PAID", "PARTIALLY_PAID", "PARTIALLY_REFUNDED", "REFUNDED"])


def _connect(shop: ShopifyShop, connection: Connection, _: date, wanted: Mapping[str, StreamSpec]) -> list[Stream]:
    from lifecycle.sources.shopify.reader import streams

    return streams(shop, connection, wanted)


def _key(item: Document) -> str:
    return identity(item, "id").rpartition("/")[2]


def _spec(kind: Kind) -> StreamSpec:
    ordered_at = "processedAt" if kind.has_lines else None
    return StreamSpec(kind.name, _key, ", ".join(kind.scopes), kind.page_size, ordered_at=ordered_at)


SOURCE = SourceKind("shopify", ShopifyShop, tuple(map(_spec, KINDS)), _connect)
