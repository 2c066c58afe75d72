"""WooCommerce, REST API v3: orders, customers and products."""

from collections.abc import Mapping
from datetime import date
from typing import Literal

from pydantic import Field

from lifecycle.settings import Connection, Shop, Statuses
from lifecycle.sources import SourceKind, Stream, StreamSpec, key_of

RIGHT = "a REST API key that may read"
PAGE_SIZE = 100


class WooCommerceShop(Shop):
    """By WooCommerce's REST API; the fields are fields of its customer accounts."""

    kind: Literal["woocommerce"]
    connection: str
    paid_statuses: Statuses = Field(default=["processing", "completed"])
    consent_field: str | None = None
    account_field: str | None = None


def _connect(shop: WooCommerceShop, connection: Connection, _: date, wanted: Mapping[str, StreamSpec]) -> list[Stream]:
    from lifecycle.sources.woocommerce.reader import streams

    return streams(shop, connection, wanted)


SOURCE = SourceKind(
    "woocommerce",
    WooCommerceShop,
    streams=(
        StreamSpec("orders", key_of("id"), RIGHT, PAGE_SIZE, ordered_at="date_created_gmt"),
        StreamSpec("customers", key_of("id"), RIGHT, PAGE_SIZE),
        StreamSpec("products", key_of("id"), RIGHT, PAGE_SIZE),
    ),
    connect=_connect,
)
