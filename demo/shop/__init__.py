"""A small WooCommerce REST v3 server: orders, customers and products to read, with the real one's manners.

`page`/`per_page` paging with `X-WP-Total`, `X-WP-TotalPages` and `Link`; a page beyond the end is 200 `[]`;
orders come newest first unless asked otherwise; date filters are exclusive, and in the shop's own time unless
`dates_are_gmt=true`; customers ignore every date filter. Listings show no trash, and nothing that was created
after the clock's `now`.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from demo.document_store import Document, DocumentStore, Query
from demo.shop.requests import (
    RESOURCES,
    Refusal,
    Resource,
    basic_credentials,
    choice,
    ids,
    integer,
    invalid,
    paging_headers,
    requested_page,
    requested_resource,
    trimmed,
)
from lifecycle.testing.clock import Clock
from lifecycle.testing.faults import FAULT, Faults, controlled

ROOT = "/wp-json/wc/v3"


class Shop:
    """One shop: `shop.app` is the server; documents, clock and faults can be changed while it runs."""

    def __init__(  # noqa: PLR0913 - one knob per fact of the shop
        self,
        *,
        orders: Sequence[Document] | DocumentStore = (),
        customers: Sequence[Document] | DocumentStore = (),
        products: Sequence[Document] | DocumentStore = (),
        key: str = "ck_demo",
        secret: str = "cs_demo",  # noqa: S107 - a demo's credential, valid on loopback alone
        now: datetime | None = None,
        timezone: str = "America/New_York",
        currency: str = "USD",
    ) -> None:
        self.clock = Clock(now)
        self.faults = Faults()
        self.timezone = ZoneInfo(timezone)
        self.currency = currency
        self.documents = {
            "orders": _document_store(orders),
            "customers": _document_store(customers),
            "products": _document_store(products),
        }
        self._credentials = (key, secret)
        self.app: ASGIApp = controlled(self._server(), self.faults, self.clock, refusal_body)

    def put_order(self, document: Document) -> None:
        """Add or replace an order."""
        self.documents["orders"].put(document)

    def delete_order(self, key: int) -> None:
        """Let an order vanish for good."""
        self.documents["orders"].remove(key)

    def put_customer(self, document: Document) -> None:
        """Add or replace a customer."""
        self.documents["customers"].put(document)

    def delete_customer(self, key: int) -> None:
        """Let a customer vanish for good."""
        self.documents["customers"].remove(key)

    def put_product(self, document: Document) -> None:
        """Add or replace a product."""
        self.documents["products"].put(document)

    def delete_product(self, key: int) -> None:
        """Let a product vanish for good."""
        self.documents["products"].remove(key)

    def _server(self) -> Starlette:
        def guarded(path: str, answer: Callable[[Request], Response]) -> Route:
            async def endpoint(request: Request) -> Response:
                self._authorize(request)
                return answer(request)

            return Route(path, endpoint)

        async def index(_request: Request) -> Response:
            return _json({"name": "Demo shop", "timezone_string": self.timezone.key, "namespaces": ["wc/v3"]})

        return Starlette(
            routes=[
                Route("/wp-json/", index),
                guarded(f"{ROOT}/system_status", self._system_status),
                guarded(f"{ROOT}/data/currencies/current", self._currency),
                guarded(f"{ROOT}/orders/{{key:int}}/refunds", self._refunds),
                guarded(f"{ROOT}/{{resource}}", self._list),
                guarded(f"{ROOT}/{{resource}}/{{key:int}}", self._retrieve),
            ],
            exception_handlers={Refusal: _refuse},
        )

    def _authorize(self, request: Request) -> None:
        credentials = basic_credentials(request) or (
            request.query_params.get("consumer_key", ""),
            request.query_params.get("consumer_secret", ""),
        )
        if credentials == ("", ""):
            raise Refusal(401, "woocommerce_rest_cannot_view", "Sorry, you cannot list resources.")
        if not all(
            secrets.compare_digest(a.encode(), b.encode()) for a, b in zip(credentials, self._credentials, strict=True)
        ):
            raise Refusal(401, "woocommerce_rest_authentication_error", "Consumer key is invalid.")

    def _list(self, request: Request) -> Response:
        name, resource = requested_resource(request)
        page, per_page, start = requested_page(request)
        positions = self.documents[name].select(self._query(request, resource), self.clock.horizon())
        fault = request.scope[FAULT]
        left = fault.shift if fault is not None and start > 0 else 0
        shown = positions[max(0, start + left) : max(0, start + left) + per_page]
        documents = [self.documents[name].document(int(position)) for position in shown]
        headers = paging_headers(request, page, per_page, len(positions) - left)
        return _json([trimmed(document, request) for document in documents], headers=headers)

    def _retrieve(self, request: Request) -> Response:
        return _json(trimmed(self._find(request, *requested_resource(request)), request))

    def _refunds(self, request: Request) -> Response:
        order = self._find(request, "orders", RESOURCES["orders"])
        dates = {f"date_created{suffix}": order.get(f"date_modified{suffix}") for suffix in ("", "_gmt")}
        return _json(
            [
                {
                    "id": refund["id"],
                    **dates,
                    "amount": refund["total"].lstrip("-"),
                    "reason": refund["reason"],
                }
                for refund in order.get("refunds", ())
            ]
        )

    def _find(self, request: Request, name: str, resource: Resource) -> Document:
        document = self.documents[name].find(request.path_params["key"], self.clock.horizon())
        if document is None:
            raise Refusal(404, *resource.missing)
        return document

    def _system_status(self, _request: Request) -> Response:
        return _json(
            {
                "environment": {"version": "9.4.2"},
                "settings": {"currency": self.currency, "api_enabled": True},
            }
        )

    def _currency(self, _request: Request) -> Response:
        return _json({"code": self.currency, "name": self.currency, "symbol": self.currency})

    def _query(self, request: Request, resource: Resource) -> Query:
        parameters = request.query_params
        dates = ("after", "before", "modified_after", "modified_before") if resource.dated else ()
        status = parameters.get("status", "any")
        return Query(
            orderby=choice(request, "orderby", resource.orderby, resource.default_orderby),
            descending=choice(request, "order", ("asc", "desc"), resource.default_order) == "desc",
            statuses=() if status == "any" or not resource.dated else tuple(status.split(",")),
            customer=integer(request, "customer") if "customer" in parameters else None,
            email=None if resource.dated else parameters.get("email"),
            include=ids(request, "include"),
            exclude=ids(request, "exclude"),
            **{name: self._moment(request, name) for name in dates if name in parameters},
        )

    def _moment(self, request: Request, name: str) -> int:
        in_utc = request.query_params.get("dates_are_gmt", "").lower() in ("true", "1")
        try:
            moment = datetime.fromisoformat(request.query_params[name])
        except ValueError:
            raise invalid(name, "Invalid date.") from None
        zone = UTC if in_utc else self.timezone
        return int((moment.replace(tzinfo=zone) if moment.tzinfo is None else moment).timestamp())


def refusal_body(status: int) -> object:
    """Return WooCommerce's error body for a status that a fault asks for."""
    code = "woocommerce_rest_cannot_view" if status in (401, 403) else "internal_server_error"
    return {"code": code, "message": "Sorry, this request was refused.", "data": {"status": status}}


def _document_store(documents: Sequence[Document] | DocumentStore) -> DocumentStore:
    return documents if isinstance(documents, DocumentStore) else DocumentStore(list(documents))


async def _refuse(_request: Request, error: Exception) -> Response:
    if not isinstance(error, Refusal):
        raise error
    return _json(error.body, error.status)


def _json(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(orjson.dumps(body), status, headers, "application/json")
