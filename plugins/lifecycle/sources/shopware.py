"""Shopware 6, Admin API: orders, customers, products, newsletter recipients and changes of state.

No page is numbered: each asks for what comes after the one before, by a field that no edit changes and that only grows.
So nothing moves under the reader, whatever is deleted meanwhile. Most entities count their rows for that
(``autoIncrement``); of the others, it is when they were created, and documents of one moment are told apart by id.
"""

import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

import requests

from lifecycle.errors import AccessDenied, AnswerUnreadable
from lifecycle.settings import Connection, ShopwareShop
from lifecycle.sources import Document, Page, Pages, Stream, identity, moment
from lifecycle.web import NOT_FOUND, Refused, Session, document, parsed, part

PAGE_SIZE = 500
#: A token is renewed so many seconds before it ends.
RENEWED_BEFORE = 60
UNAUTHORIZED, FORBIDDEN = 401, 403
#: What may be told of a refusal: Shopware's own words for rights and errors, which hold nobody's data.
PRIVILEGE = re.compile(r"\b[a-z_]{1,60}:read\b")
ERROR_CODE = re.compile(r"[A-Z][A-Z0-9_]{1,80}")


@dataclass(frozen=True, slots=True)
class Search:
    """What to ask of an entity.

    ``order`` is the field that pages follow, ``changed`` the moments that tell of a change, ``includes`` the fields to
    give of each entity that takes part, names parted by spaces.
    """

    entity: str
    order: str
    changed: tuple[str, ...]
    includes: dict[str, str]
    associations: str = ""
    filters: tuple[Document, ...] = ()

    def rights(self) -> str:
        """The privileges of the integration's role that reading needs."""
        return ", ".join(f"{entity}:read" for entity in self.includes if entity != "calculated_price")


#: A payment that changes leaves its order's ``updatedAt`` as it is, so an order's parts are asked for their own.
ORDERS = Search(
    "order",
    "autoIncrement",
    changed=(
        "createdAt",
        "updatedAt",
        "orderCustomer.updatedAt",
        "billingAddress.updatedAt",
        "transactions.createdAt",
        "transactions.updatedAt",
        "transactions.captures.refunds.createdAt",
        "transactions.captures.refunds.updatedAt",
    ),
    includes={
        "order": "id autoIncrement orderNumber orderDateTime amountTotal salesChannelId createdAt updatedAt"
        " stateMachineState currency orderCustomer billingAddress lineItems transactions",
        "order_customer": "customerId email firstName lastName updatedAt",
        "order_address": "firstName lastName zipcode country updatedAt",
        "order_line_item": "id productId type label position totalPrice",
        "order_transaction": "id createdAt updatedAt stateMachineState paymentMethod captures",
        "order_transaction_capture": "id refunds",
        "order_transaction_capture_refund": "id amount stateMachineState createdAt updatedAt",
        "calculated_price": "totalPrice",
        "state_machine_state": "technicalName",
        "payment_method": "technicalName name",
        "currency": "isoCode",
        "country": "iso",
    },
    associations="stateMachineState currency orderCustomer billingAddress.country lineItems transactions.paymentMethod"
    " transactions.stateMachineState transactions.captures.refunds.stateMachineState",
)
CUSTOMERS = Search(
    "customer",
    "autoIncrement",
    changed=("createdAt", "updatedAt", "defaultBillingAddress.updatedAt"),
    includes={
        "customer": "id autoIncrement customerNumber email firstName lastName company guest salesChannelId customFields"
        " createdAt updatedAt defaultBillingAddress",
        "customer_address": "company zipcode country updatedAt",
        "country": "iso",
    },
    associations="defaultBillingAddress.country",
)
#: A variant has the name and the categories of its parent.
PRODUCTS = Search(
    "product",
    "autoIncrement",
    changed=("createdAt", "updatedAt", "parent.updatedAt"),
    includes={
        "product": "id autoIncrement productNumber name createdAt updatedAt categories parent",
        "category": "id autoIncrement name",
    },
    associations="categories parent.categories",
)
RECIPIENTS = Search(
    "newsletter_recipient",
    "createdAt",
    changed=("createdAt", "updatedAt"),
    includes={"newsletter_recipient": "id email status confirmedAt salesChannelId createdAt updatedAt"},
)
HISTORY = Search(
    "state_machine_history",
    "createdAt",
    changed=("createdAt",),
    includes={
        "state_machine_history": "id entityName referencedId entityId transitionActionName createdAt"
        " fromStateMachineState toStateMachineState",
        "state_machine_state": "technicalName",
    },
    associations="fromStateMachineState toStateMachineState",
    filters=({"type": "equalsAny", "field": "entityName", "value": "order|order_transaction"},),
)


def streams(shop: ShopwareShop, connection: Connection, _: date) -> list[Stream]:
    """What a Shopware shop has to tell."""
    address = connection.base_url()
    session = Session()
    session.headers["Accept"] = "application/json"  # or it answers in JSON:API
    session.auth = Integration(f"{address}/api/oauth/token", connection)
    days, day = timedelta(days=shop.overlap_days), timedelta(days=1)
    return [
        _stream("orders", session, address, ORDERS, days),
        _stream("customers", session, address, CUSTOMERS, day),
        _stream("products", session, address, PRODUCTS, day),
        _stream("newsletter_recipients", session, address, RECIPIENTS, day),
        _stream("state_history", session, address, HISTORY, days, can_vanish=False),
    ]


def _stream(
    name: str, session: Session, address: str, search: Search, overlap: timedelta, *, can_vanish: bool = True
) -> Stream:
    url = f"{address}/api/search/{search.entity.replace('_', '-')}"
    return Stream(
        name,
        key=lambda item: identity(item, "id"),
        changed_at=partial(_changed_at, search),
        pages=partial(_changes, session, url, search),
        overlap=overlap,
        listing=partial(_listing, session, url, search) if can_vanish else None,
        right=search.rights(),
    )


@dataclass(slots=True)
class Integration:
    """Signs requests with an integration's access token, which it renews before it ends.

    A token that was accepted and then is no longer is renewed at once; a second refusal stands. Privileges that are
    missing are named.
    """

    url: str
    connection: Connection
    token: str = field(default="", repr=False)
    until: float = 0.0
    is_accepted: bool = False

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Sign a request."""
        if time.monotonic() >= self.until:
            self._renew()
        request.headers["Authorization"] = f"Bearer {self.token}"
        request.hooks["response"].append(self._check)
        return request

    def _renew(self) -> None:
        credentials = {"client_id": self.connection.login, "client_secret": self.connection.password}
        answer = _ask(Session(), self.url, {"grant_type": "client_credentials", **credentials})
        self.token = part(answer, "access_token", str)
        self.until = time.monotonic() + part(answer, "expires_in", int) - RENEWED_BEFORE
        self.is_accepted = False

    def _check(self, response: requests.Response, **options: Any) -> requests.Response:
        if response.status_code == UNAUTHORIZED and self.is_accepted:
            response.close()
            self._renew()
            response.request.headers["Authorization"] = f"Bearer {self.token}"
            response = response.connection.send(response.request, **options)
        if response.status_code == FORBIDDEN:
            raise AccessDenied(_lacking(response))
        self.is_accepted = self.is_accepted or response.ok
        return response


def _lacking(response: requests.Response) -> str:
    missing = ", ".join(dict.fromkeys(PRIVILEGE.findall(response.text))) or "the right"
    what = f"{response.request.method} {response.request.path_url.partition('?')[0]}"
    return f"{what}: 403, the integration's role lacks {missing}"


def _ask(session: Session, url: str, body: Document) -> Any:
    """An answer's JSON; a refusal tells Shopware's code for it, too."""
    try:
        return document(session.post(url, json=body))
    except Refused as refusal:
        hint = f", {_code(refusal.body)}"
        if refusal.status == NOT_FOUND:
            hint += ": the connection's host must be the address of the shop itself, without /api"
        message = f"{refusal}{hint}"
        raise AnswerUnreadable(message) from None


def _code(body: bytes) -> str:
    try:
        codes = [str(error.get("code")) for error in parsed(body)["errors"]]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        codes = []
    return ", ".join(filter(ERROR_CODE.fullmatch, codes)) or "no code of Shopware's"


def _changes(session: Session, url: str, search: Search, since: datetime | None) -> Pages:
    """The documents that changed since a moment, whole."""
    filters = list(search.filters)
    if since:
        start = {"gte": since.astimezone(UTC).isoformat(timespec="milliseconds")}
        queries = [{"type": "range", "field": name, "parameters": start} for name in search.changed]
        filters.append({"type": "multi", "operator": "or", "queries": queries})
    includes = {entity: names.split() for entity, names in search.includes.items()}
    criteria = {"associations": _nested(search.associations.split()), "includes": includes}
    return _pages(session, url, search.order, filters, criteria)


def _listing(session: Session, url: str, search: Search) -> Pages:
    """Every document's id, and the field that pages follow, which a list of bare ids would lack."""
    criteria = {"includes": {search.entity: ["id", search.order]}}
    return _pages(session, url, search.order, list(search.filters), criteria)


def _pages(session: Session, url: str, order: str, filters: list[Document], criteria: Document) -> Pages:
    """Every page; the end is a page that is not full and all that there is, or an empty one."""
    criteria |= {"limit": PAGE_SIZE, "total-count-mode": 1, "sort": [{"field": order, "order": "ASC"}]}
    after: Any = None
    known: list[str] = []  # the ids of what was read at that point
    total = None
    while True:
        answer = _ask(session, url, {**criteria, "filter": [*filters, *_beyond(order, after, known)]})
        page, left = part(answer, "data", list), part(answer, "total", int)
        total = left if total is None else total
        yield Page(page, total)
        if not page or (len(page) < PAGE_SIZE and len(page) >= left):
            return
        last = page[-1][order]
        if after is not None and (last < after or not {item["id"] for item in page}.isdisjoint(known)):
            message = f"a page gives again what comes before {order} of the page before it"
            raise AnswerUnreadable(message)
        known = [item["id"] for item in page if item[order] == last] + (known if last == after else [])
        after = last


def _beyond(order: str, after: Any, known: list[str]) -> list[Document]:
    if after is None:
        return []
    seen = {"type": "equalsAny", "field": "id", "value": "|".join(known)}
    return [
        {"type": "range", "field": order, "parameters": {"gte": after}},
        {"type": "not", "operator": "or", "queries": [seen]},
    ]


def _nested(paths: Iterable[str]) -> Document:
    """Paths as Shopware's criteria want them: each association within the one before it."""
    root: Document = {}
    for path in paths:
        within = root
        for name in path.split("."):
            within = within.setdefault("associations", {}).setdefault(name, {})
    found: Document = root.get("associations", {})
    return found


def _changed_at(search: Search, item: Document) -> datetime | None:
    """The latest of the moments that tell of a change; ``None`` if there is none."""
    stated = (moment(text) for name in search.changed for text in _values(item, name.split(".")))
    return max(filter(None, stated), default=None)


def _values(value: Any, path: list[str]) -> Iterator[object]:
    if isinstance(value, list):
        for element in value:
            yield from _values(element, path)
    elif not path:
        yield value
    elif isinstance(value, dict):
        yield from _values(value.get(path[0]), path[1:])
