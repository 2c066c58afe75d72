"""A tiny shop and a tiny ESP, on one server that lasts for the session while its app changes."""

from collections.abc import Iterator

import pytest
import requests

from demo.esp import Esp, Pace
from demo.shop import Shop
from lifecycle.testing.server import AppHost, running
from tests.demo.demo_clients import Client, order


@pytest.fixture(scope="session")
def host() -> Iterator[AppHost]:
    host = AppHost()
    with running(host) as host.address:
        yield host


@pytest.fixture
def shop() -> Shop:
    """Five orders, one a day from the first of March, each modified in the reverse order of its creation."""
    orders = [order(n, f"2017-03-0{n}T12:00:00", f"2017-03-{20 - n}T12:00:00", customer_id=n % 2) for n in range(1, 6)]
    customers = [
        {
            "id": n,
            "email": f"c{n}@example.com",
            "date_created_gmt": "2017-03-01T12:00:00",
            "username": f"u{9 - n}",
        }
        for n in (1, 2)
    ]
    products = [{"id": 7, "name": "Tea", "status": "publish", "date_created_gmt": "2017-01-01T00:00:00"}]
    return Shop(orders=orders, customers=customers, products=products)


@pytest.fixture
def woo(shop: Shop, host: AppHost) -> Iterator[Client]:
    host.app = shop.app
    with requests.Session() as session:
        session.auth = ("ck_demo", "cs_demo")
        yield Client(f"{host.address}/wp-json/wc/v3", session)


@pytest.fixture
def esp() -> Esp:
    return Esp(pace=Pace(polls=1, seconds=None))


@pytest.fixture
def sendgrid(esp: Esp, host: AppHost) -> Iterator[Client]:
    host.app = esp.app
    with requests.Session() as session:
        session.headers["Authorization"] = "Bearer SG.demo"
        yield Client(host.address, session)
