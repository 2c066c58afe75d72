"""Orders, customers and products as WooCommerce sends them, each made when it is asked for."""

from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from typing import overload
from zoneinfo import ZoneInfo

import numpy as np

from demo.document_store import Document, DocumentStore, Keys
from demo.journey.data import Journey
from demo.journey.households import email_of, name_of
from demo.shop import Shop

TIMEZONE = "America/New_York"
ZONE = ZoneInfo(TIMEZONE)
SHOP_OPENED = int(datetime(2016, 12, 1, tzinfo=UTC).timestamp())
CATALOGUE_DAYS = 1000  # days before the opening over which the products were listed
DAY_SECONDS = 24 * 60 * 60
SAME_IN_EVERY_ORDER: Document = {
    "parent_id": 0,
    "created_via": "checkout",
    "version": "9.4.2",
    "status": "completed",
    "currency": "USD",
    "discount_total": "0.00",
    "discount_tax": "0.00",
    "shipping_total": "0.00",
    "shipping_tax": "0.00",
    "cart_tax": "0.00",
    "total_tax": "0.00",
    "prices_include_tax": True,
    "customer_ip_address": "",
    "customer_user_agent": "",
    "customer_note": "",
    "payment_method": "cod",
    "payment_method_title": "Paid in the store",
    "transaction_id": "",
    "cart_hash": "",
    "meta_data": [],
    "tax_lines": [],
    "shipping_lines": [],
    "fee_lines": [],
    "coupon_lines": [],
    "refunds": [],
}
SAME_IN_EVERY_PRODUCT: Document = {
    "permalink": "",
    "type": "simple",
    "status": "publish",
    "featured": False,
    "catalog_visibility": "visible",
    "description": "",
    "short_description": "",
    "sale_price": "",
    "on_sale": False,
    "purchasable": True,
    "total_sales": 0,
    "virtual": False,
    "stock_status": "instock",
    "parent_id": 0,
    "tags": [],
    "images": [],
    "attributes": [],
    "variations": [],
    "meta_data": [],
}


def shop(
    journey: Journey,
    *,
    key: str = "ck_demo",
    secret: str = "cs_demo",  # noqa: S107 - a demo's credential, valid on loopback alone
    now: datetime | None = None,
) -> Shop:
    """Open the shop with all orders, customers and products."""
    orders, catalogue = Orders(journey), Catalogue(journey)
    return Shop(
        orders=DocumentStore(orders, orders.keys()),
        customers=[customer(household, first) for household, first in journey.first_times().items() if household % 10],
        products=DocumentStore(catalogue, catalogue.keys()),
        key=key,
        secret=secret,
        now=now,
        timezone=TIMEZONE,
    )


class Orders(Sequence[Document]):
    """The orders, each made when it is asked for."""

    def __init__(self, journey: Journey) -> None:
        self._journey = journey
        self._billing = {household: _billing(household) for household in journey.first_times()}

    def __len__(self) -> int:
        """Count the orders."""
        return len(self._journey.basket)

    @overload
    def __getitem__(self, index: int) -> Document: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Document]: ...
    def __getitem__(self, index: int | slice) -> Document | Sequence[Document]:
        """Make the order at a position."""
        if isinstance(index, slice):
            return [self[n] for n in range(len(self))[index]]
        household = int(self._journey.household[index])
        return _order(self._journey, index, household, self._billing[household])

    def keys(self) -> Keys:
        """Return what listings of orders sort and filter on."""
        household, time = self._journey.household, self._journey.time
        return Keys(
            ids=np.arange(1, len(self) + 1),
            created=np.asarray(time),
            modified=np.asarray(time),
            customers=np.where(household % 10 == 0, 0, household),
            statuses=np.full(len(self), "completed"),
        )


class Catalogue(Sequence[Document]):
    """The products that the catalogue still has, each made when it is asked for."""

    def __init__(self, journey: Journey) -> None:
        self._journey = journey
        self._positions = [n for n, texts in enumerate(journey.product_texts) if texts is not None]
        departments = sorted({texts[1] for texts in journey.product_texts if texts is not None})
        self._categories = {department: n for n, department in enumerate(departments, start=1)}

    def __len__(self) -> int:
        """Count the products."""
        return len(self._positions)

    @overload
    def __getitem__(self, index: int) -> Document: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Document]: ...
    def __getitem__(self, index: int | slice) -> Document | Sequence[Document]:
        """Make the product at a position."""
        if isinstance(index, slice):
            return [self[n] for n in range(len(self))[index]]
        position = self._positions[index]
        name, department = self._journey.product_texts[position] or ("", "")
        category = {"id": self._categories[department], "name": department, "slug": _slug(department)}
        return _product(
            int(self._journey.product_ids[position]),
            name,
            category,
            _money(int(self._journey.product_prices[position])),
        )

    def keys(self) -> Keys:
        """Return what listings of products sort and filter on."""
        ids = self._journey.product_ids[self._positions]
        listed = SHOP_OPENED - ids % CATALOGUE_DAYS * DAY_SECONDS
        return Keys(
            ids=ids,
            created=listed,
            modified=listed,
            customers=np.zeros(len(self), dtype=np.int64),
            statuses=np.full(len(self), "publish"),
        )


def customer(household: int, created: int) -> Document:
    """Make a customer account as WooCommerce sends it."""
    billing = _billing(household)
    return {
        "id": household,
        **_dates("date_created", created),
        **_dates("date_modified", created),
        "email": email_of(household),
        "first_name": billing["first_name"],
        "last_name": billing["last_name"],
        "role": "customer",
        "username": f"household{household}",
        "billing": billing,
        "shipping": _shipping(billing),
        "is_paying_customer": True,
        "avatar_url": "",
        "meta_data": [],
    }


def iso_in(epoch: int, zone: tzinfo) -> str:
    """Write an epoch second as WooCommerce writes times: naive, in ``zone``."""
    return datetime.fromtimestamp(epoch, zone).replace(tzinfo=None).isoformat()


def _order(journey: Journey, index: int, household: int, billing: Document) -> Document:
    first, end = journey.line_start[index : index + 2].tolist()
    cents = journey.cents[first:end].tolist()
    products = journey.product[first:end].tolist()
    product_ids = journey.product_ids[products].tolist()
    quantities = journey.quantity[first:end].tolist()
    lines = [
        _line(first + n + 1, (journey.product_texts[product] or (f"Product {key}",))[0], key, quantity, value)
        for n, (product, key, quantity, value) in enumerate(zip(products, product_ids, quantities, cents, strict=True))
    ]
    created = int(journey.time[index])
    at = _dates("date_created", created)
    local, in_utc = at.values()
    return {
        **SAME_IN_EVERY_ORDER,
        "id": index + 1,
        "number": str(journey.basket[index]),
        "order_key": f"wc_order_{index + 1}",
        **at,
        "date_modified": local,
        "date_modified_gmt": in_utc,
        "total": _money(sum(cents)),
        "customer_id": household if household % 10 else 0,
        "billing": billing,
        "shipping": _shipping(billing),
        "date_paid": local,
        "date_paid_gmt": in_utc,
        "date_completed": local,
        "date_completed_gmt": in_utc,
        "line_items": lines,
    }


def _line(key: int, name: str, product_id: int, quantity: int, cents: int) -> Document:
    return {
        "id": key,
        "name": name,
        "product_id": product_id,
        "variation_id": 0,
        "quantity": quantity,
        "tax_class": "",
        "subtotal": _money(cents),
        "total": _money(cents),
        "sku": str(product_id),
        "price": round(cents / 100 / max(quantity, 1), 6),
    }


def _product(key: int, name: str, category: Document, price: str) -> Document:
    listed = SHOP_OPENED - key % CATALOGUE_DAYS * DAY_SECONDS
    return {
        **SAME_IN_EVERY_PRODUCT,
        "id": key,
        "name": name,
        "slug": f"{_slug(name)}-{key}",
        **_dates("date_created", listed),
        **_dates("date_modified", listed),
        "sku": str(key),
        "price": price,
        "regular_price": price,
        "categories": [category],
    }


def _billing(household: int) -> Document:
    email = email_of(household)
    return {
        **name_of(household),
        "company": "",
        "address_1": "",
        "address_2": "",
        "city": "",
        "state": "",
        "postcode": "",
        "country": "US",
        "email": f"{email[0].upper()}{email[1:].replace('@e', '@E')}" if household % 7 == 0 else email,
        "phone": "",
    }


def _shipping(billing: Document) -> Document:
    return {key: value for key, value in billing.items() if key not in ("email", "phone")}


def _dates(name: str, epoch: int) -> dict[str, str]:
    return {name: iso_in(epoch, ZONE), f"{name}_gmt": iso_in(epoch, UTC)}


def _money(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"


def _slug(text: str) -> str:
    return "-".join("".join(c if c.isalnum() else " " for c in text.lower()).split())
