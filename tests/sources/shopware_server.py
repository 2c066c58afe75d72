"""A small Shopware 6 Admin API: a token, then `search` of a few entities, with the real one's manners.

Criteria are checked: the limit, every field of a filter or a sorting, every association, and the role's privileges for
all of them. What is not asked for by `associations` is left out; `includes` trims by each entity's `apiAlias`. A total
is exact only if that is asked for; a range of ids means nothing. Without `Accept: application/json` it speaks JSON:API.
"""

import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from lifecycle.testing.clock import Clock
from lifecycle.testing.faults import FAULT, Faults, controlled

Document = dict[str, Any]
MAX_LIMIT = 500
OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "gt": lambda a, b: a > b,
    "gte": lambda a, b: a >= b,
    "lt": lambda a, b: a < b,
    "lte": lambda a, b: a <= b,
}
#: Entity → its associations, with the entity that each leads to.
ASSOCIATIONS: Mapping[str, Mapping[str, str]] = {
    "order": {
        "stateMachineState": "state_machine_state",
        "currency": "currency",
        "orderCustomer": "order_customer",
        "billingAddress": "order_address",
        "lineItems": "order_line_item",
        "transactions": "order_transaction",
    },
    "order_customer": {"customer": "customer"},
    "order_address": {"country": "country"},
    "order_line_item": {"product": "product"},
    "order_transaction": {
        "stateMachineState": "state_machine_state",
        "paymentMethod": "payment_method",
        "captures": "order_transaction_capture",
    },
    "order_transaction_capture": {"refunds": "order_transaction_capture_refund"},
    "order_transaction_capture_refund": {"stateMachineState": "state_machine_state"},
    "customer": {"defaultBillingAddress": "customer_address"},
    "customer_address": {"country": "country"},
    "product": {"categories": "category", "parent": "product"},
    "newsletter_recipient": {},
    "state_machine_history": {
        "fromStateMachineState": "state_machine_state",
        "toStateMachineState": "state_machine_state",
    },
}
SEARCHED = ("order", "customer", "product", "newsletter_recipient", "state_machine_history")
COUNTED = frozenset({"order", "customer", "product", "category"})
OF_ALL = frozenset({"id", "createdAt", "updatedAt"})
OWN_FIELDS: Mapping[str, frozenset[str]] = {
    "state_machine_history": frozenset({"entityName"}),
    "newsletter_recipient": frozenset({"status", "email"}),
}


class Refusal(Exception):  # noqa: N818 - the HTTP answer to give
    """An answer that is not 2xx."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(code)
        self.status = status
        self.body = {"errors": [{"status": str(status), "code": code, "title": "Refused", "detail": detail}]}


@dataclass
class Shopware:
    """One shop: `app` is the server; documents, privileges, tokens and faults can be changed while it runs."""

    login: str = "SWIADEMO"
    password: str = "demo-secret"
    lifetime: int = 600
    faults: Faults = field(default_factory=Faults)
    documents: dict[str, dict[str, Document]] = field(default_factory=lambda: {entity: {} for entity in SEARCHED})
    missing_privileges: set[str] = field(default_factory=set)
    tokens: set[str] = field(default_factory=set)
    tokens_given: int = 0
    counted: int = 0

    def __post_init__(self) -> None:
        routes = [
            Route("/api/oauth/token", self._token, methods=["POST"]),
            Route("/api/search/{entity}", self._search, methods=["POST"]),
        ]
        server = Starlette(routes=routes, exception_handlers={Refusal: _refuse})
        self.app: ASGIApp = controlled(server, self.faults, Clock(), refusal_body)

    def put(self, entity: str, document: Document) -> None:
        """Add or replace a document; one that is counted keeps its number."""
        known = self.documents[entity]
        self.counted += 1
        number = known.get(document["id"], {}).get("autoIncrement", self.counted)
        counted = {"autoIncrement": number} if entity in COUNTED else {}
        known[document["id"]] = {"updatedAt": None, **document, **counted}

    def take(self, entity: str, key: str) -> None:
        """Let a document vanish."""
        self.documents[entity].pop(key, None)

    async def _token(self, request: Request) -> Response:
        credentials = orjson.loads(await request.body())
        if credentials.get("grant_type") != "client_credentials":
            raise Refusal(400, "2", "The authorization grant type is not supported by the authorization server.")
        if (credentials.get("client_id"), credentials.get("client_secret")) != (self.login, self.password):
            raise Refusal(401, "4", "Client authentication failed")
        token = secrets.token_hex(16)
        self.tokens.add(token)
        self.tokens_given += 1
        return _json({"token_type": "Bearer", "expires_in": self.lifetime, "access_token": token})

    async def _search(self, request: Request) -> Response:
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            raise Refusal(401, "9", "The resource owner or authorization server denied the request.")
        entity = request.path_params["entity"].replace("-", "_")
        if entity not in self.documents:
            raise Refusal(404, "FRAMEWORK__DEFINITION_NOT_FOUND", "Definition for entity does not exist.")
        criteria = orjson.loads(await request.body())
        limit, offset = _paging(criteria)
        self._check_privileges(entity, criteria)
        documents = self._matching(entity, criteria)
        fault = request.scope[FAULT]
        shift = fault.shift if fault is not None and offset else 0
        shown = documents[max(0, offset + shift) :][:limit]
        includes = criteria.get("includes", {})
        data = [_given(document, entity, criteria.get("associations", {}), includes) for document in shown]
        is_exact = criteria.get("total-count-mode") in (1, "1", "exact")
        total = len(documents) if is_exact else len(data)
        if "application/json" not in request.headers.get("accept", ""):
            return _json({"data": [{"type": entity, "attributes": item} for item in data], "meta": {"total": total}})
        return _json({"total": total, "data": data, "aggregations": []})

    def _check_privileges(self, entity: str, criteria: Document) -> None:
        """Every entity that is asked for, also by an association or a filter, needs a privilege."""
        asked = {entity, *_associated(entity, criteria.get("associations", {}))}
        for name in _fields(criteria.get("filter", [])):
            asked |= {*_entities(entity, name.split(".")[:-1])}
        lacking = sorted({f"{name}:read" for name in asked} & self.missing_privileges)
        if lacking:
            detail = orjson.dumps({"message": "Missing privilege", "missingPrivileges": lacking}).decode()
            raise Refusal(403, "FRAMEWORK__MISSING_PRIVILEGE_ERROR", detail)

    def _matching(self, entity: str, criteria: Document) -> list[Document]:
        filters = criteria.get("filter", [])
        matches = [
            document
            for document in self.documents[entity].values()
            if all(_matches(entity, document, each) for each in filters)
        ]
        for sorting in reversed(criteria.get("sort", [])):
            path = _checked(entity, sorting["field"])
            matches.sort(key=lambda document: next(_values(document, path)), reverse=sorting.get("order") == "DESC")
        return matches


def refusal_body(status: int) -> object:
    """The error body for a status that a fault asks for."""
    return {"errors": [{"status": str(status), "code": "0", "title": "Refused", "detail": "p1@example.com"}]}


def _paging(criteria: Document) -> tuple[int, int]:
    limit, page = criteria.get("limit", 100), criteria.get("page", 1)
    if not 1 <= limit <= MAX_LIMIT:
        detail = f"The limit must be lower than or equal to MAX_LIMIT(={MAX_LIMIT}). Given: {limit}"
        raise Refusal(400, "FRAMEWORK__QUERY_LIMIT_EXCEEDED", detail)
    if page < 1:
        raise Refusal(400, "FRAMEWORK__INVALID_PAGE_QUERY", "The page parameter must be a positive integer.")
    return limit, limit * (page - 1)


def _associated(entity: str, associations: Document) -> Iterator[str]:
    for name, criteria in associations.items():
        (there,) = _entities(entity, [name])
        yield there
        yield from _associated(there, criteria.get("associations", {}))


def _entities(entity: str, path: list[str]) -> Iterator[str]:
    for name in path:
        if name not in ASSOCIATIONS.get(entity, {}):
            raise Refusal(400, "FRAMEWORK__ASSOCIATION_NOT_FOUND", f"Can not find association by name {name}")
        entity = ASSOCIATIONS[entity][name]
        yield entity


def _fields(filters: list[Document]) -> Iterator[str]:
    for each in filters:
        yield from _fields(each["queries"]) if "queries" in each else [each["field"]]


def _checked(entity: str, name: str) -> list[str]:
    """A field's path; refused if the entity that it ends at has no such field."""
    path = name.split(".")
    last = [entity, *_entities(entity, path[:-1])][-1]
    known = OF_ALL | OWN_FIELDS.get(last, frozenset()) | ({"autoIncrement"} if last in COUNTED else set())
    if path[-1] not in known:
        raise Refusal(400, "FRAMEWORK__UNMAPPED_FIELD", f"Field {path[-1]} in entity {last} was not found.")
    return path


def _matches(entity: str, document: Document, criterion: Document) -> bool:
    match criterion["type"]:
        case "multi" | "not":
            matches = (_matches(entity, document, query) for query in criterion["queries"])
            is_met = any(matches) if criterion.get("operator", "and").lower() == "or" else all(matches)
            return is_met is (criterion["type"] == "multi")
        case "equalsAny":
            wanted = criterion["value"].split("|")
            return any(value in wanted for value in _values(document, _checked(entity, criterion["field"])))
        case "range":
            path = _checked(entity, criterion["field"])
            if path[-1] == "id":
                raise Refusal(400, "FRAMEWORK__INVALID_FILTER_QUERY", "ids are bytes: a range of texts finds nothing")
            return any(_lies_within(value, criterion["parameters"]) for value in _values(document, path))
    raise Refusal(400, "FRAMEWORK__INVALID_FILTER_QUERY", f"Unsupported filter type: {criterion['type']}")


def _lies_within(value: Any, parameters: Document) -> bool:
    return value is not None and all(
        OPERATORS[name](_comparable(value), _comparable(border)) for name, border in parameters.items()
    )


def _comparable(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    moment = datetime.fromisoformat(value)
    return moment.replace(tzinfo=moment.tzinfo or UTC)


def _values(value: Any, path: list[str]) -> Iterator[Any]:
    if isinstance(value, list):
        for element in value:
            yield from _values(element, path)
    elif not path:
        yield value
    elif value is not None:
        yield from _values(value.get(path[0]), path[1:])


def _given(value: Any, entity: str, associations: Document, includes: Mapping[str, list[str]]) -> Any:
    """A document as it is answered: with the associations that were asked for, and the fields that are included."""
    if isinstance(value, list):
        return [_given(element, entity, associations, includes) for element in value]
    if not isinstance(value, dict):
        return value
    there = ASSOCIATIONS.get(entity, {})
    kept: Document = {"apiAlias": entity}
    for name, content in value.items():
        if name in there:
            asked = name in associations
            below = associations.get(name, {}).get("associations", {})
            kept[name] = _given(content, there[name], below, includes) if asked else None
        else:
            kept[name] = _given(content, "calculated_price", {}, includes) if name == "amount" else content
    wanted = includes.get(entity)
    return {name: kept[name] for name in kept if wanted is None or name in wanted or name == "apiAlias"}


async def _refuse(_request: Request, error: Exception) -> Response:
    if not isinstance(error, Refusal):
        raise error
    return _json(error.body, error.status)


def _json(body: object, status: int = 200) -> Response:
    return Response(orjson.dumps(body), status, media_type="application/json")
