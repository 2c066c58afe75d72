"""Documents of a Shopware, by number, and a case for each of its streams."""

from functools import partial
from typing import Any

from lifecycle.sources.shopware import ShopwareShop
from lifecycle.sources.shopware.searches import SEARCHES
from lifecycle.testing.cases import StreamCase, moment, person
from tests.sources.shopware_server import Document, Shopware

LOGIN, PASSWORD = "SWIADEMO", "demo-secret"
SHOP = ShopwareShop(kind="shopware", connection="shop", timezone="Europe/Berlin", currency="EUR")
ENTITIES = {
    "orders": "order",
    "customers": "customer",
    "products": "product",
    "newsletter_recipients": "newsletter_recipient",
    "state_history": "state_machine_history",
}


def key(n: int) -> str:
    return f"{n:032d}"


def at(n: int) -> str:
    return moment(n).isoformat(timespec="milliseconds")


def document(stream: str, n: int, **more: Any) -> Document:
    """The n-th document, with fields that nobody asks for."""
    state = {"stateMachineState": {"technicalName": "open", "name": "Open"}}
    own: Document = {"email": person(n), "hash": "secret"}
    if stream == "products":
        own = {"name": "Tea", "description": "secret", "categories": [], "parent": None}
    if stream == "state_history":
        own = {
            "entityName": "order_transaction",
            "referencedId": key(n),
            "fromStateMachineState": {"technicalName": "a"},
        }
    if stream == "orders":
        own = {
            "transactions": [{"id": key(n), "createdAt": at(n), "updatedAt": None, "captures": [], **state}],
            "orderCustomer": {"email": person(n), "updatedAt": None},
            "billingAddress": {"updatedAt": None, "street": "secret", "country": {"iso": "DE", "name": "Germany"}},
            "lineItems": [{"id": key(n), "label": "Tea", "payload": {"secret": 1}}],
            "deepLinkCode": "secret",
            **state,
        }
    return {"id": key(n), "createdAt": at(n), **own, **more}


def put(stream: str, shop: Shopware, n: int) -> None:
    shop.put(ENTITIES[stream], document(stream, n))


def take(stream: str, shop: Shopware, n: int) -> None:
    shop.take(ENTITIES[stream], key(n))


CASES = [
    StreamCase(
        "shopware",
        stream,
        f"/search/{entity.replace('_', '-')}$",
        partial(put, stream),
        partial(take, stream),
        wrap='{{"data": [{}], "total": 1}}'.format,
        new=partial(Shopware, login=LOGIN, password=PASSWORD),
        config=SHOP,
        login=LOGIN,
        password=PASSWORD,
        number=lambda document: int(document["id"]),
        reader=SEARCHES[stream].order,
        can_vanish=stream != "state_history",
        is_paged=True,
    )
    for stream, entity in ENTITIES.items()
]
