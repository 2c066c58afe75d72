"""A small Shopify: the Admin API for what the source asks of it, with the real one's manners.

A query that the schema does not hold is refused. An error comes with status 200 and a code. Each answer says what it
cost and how full the bucket is; a query that might cost more than 1,000 points is refused. Search sorts by change, and
no change shifts its cursors. A bulk operation gives a file of JSON lines under `/_bulk/`, which asks for no token.
"""

# ruff: noqa: EM101, TRY003 - a refusal is worded where it is arguments

import base64
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import graphql
import orjson
from graphql import GraphQLError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from lifecycle.sources import Document
from lifecycle.testing.clock import Clock
from lifecycle.testing.faults import Faults, controlled
from tests.sources.shopify_documents import KINDS, gid

SCHEMA = graphql.build_schema(Path(__file__).with_name("shopify_schema.graphql").read_text())
SCOPES = ("read_orders", "read_all_orders", "read_customers", "read_products")
NEEDED = {"orders": "read_orders", "order": "read_orders", "companies": "read_customers"}
DEAREST = 1000
DEEPEST = 25_000
SINCE = re.compile(r"updated_at:>='(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)'")


@dataclass
class Operation:
    """A bulk operation, which is complete once it was asked about often enough."""

    id: str
    lines: list[bytes]
    roots: int
    denied: bool = False
    polls: int = 0


@dataclass
class Bulk:
    """How bulk operations go: polls until they are done, how they end, and whether another one runs."""

    polls: int = 0
    end: str = "COMPLETED"
    error: str | None = None
    busy: str | None = None
    operations: list[Operation] = field(default_factory=list)


class Shopify:
    """One shop: ``app`` is the server; documents, scopes, the bucket and faults can be changed while it runs."""

    def __init__(self, token: str = "shpat_demo", version: str = "2026-07") -> None:
        self.faults = Faults()
        self.documents: dict[str, dict[str, Document]] = {kind: {} for kind in KINDS}
        self.scopes = set(SCOPES)
        self.has_b2b = True
        self.bulk = Bulk()
        self.available, self.restored = 2000.0, 100.0
        #: how many of the next answers are refusals for want of points
        self.throttled = 0
        self.token_lasts = 86399
        self.asked: list[str] = []
        self._token = token
        routes = [
            Route(f"/admin/api/{version}/graphql.json", self._answer, methods=["POST"]),
            Route("/admin/oauth/access_token", self._sign_in, methods=["POST"]),
            Route("/_bulk/{number:int}.jsonl", self._file),
        ]
        self.app: ASGIApp = controlled(Starlette(routes=routes), self.faults, Clock(), refusal_body)

    def put(self, kind: str, document: Document) -> None:
        """Add or replace a document, whose ``lineItems`` are a list."""
        self.documents[kind][document["id"]] = document

    def take(self, kind: str, number: int) -> None:
        """Let a document vanish."""
        self.documents[kind].pop(gid(KINDS[kind], number), None)

    async def _sign_in(self, request: Request) -> Response:
        arguments = dict(parse_qsl((await request.body()).decode()))
        if arguments != {"grant_type": "client_credentials", "client_id": "client", "client_secret": "shpss_demo"}:
            return _json({"error": "invalid_client"}, 400)
        return _json({"access_token": self._token, "scope": ",".join(self.scopes), "expires_in": self.token_lasts})

    async def _answer(self, request: Request) -> Response:
        if request.headers.get("x-shopify-access-token") != self._token:
            return _json({"errors": "[API] Invalid API key or access token"}, 401)
        asked = orjson.loads(await request.body())
        self.asked.append(asked["query"])
        base = str(request.base_url)
        answer = self._refused(asked["query"], asked["variables"]) or self._executed(
            asked["query"], asked["variables"], self._root(base)
        )
        points = cost(asked["query"], asked["variables"])
        bucket = {"maximumAvailable": 2000.0, "currentlyAvailable": self.available, "restoreRate": self.restored}
        return _json({**answer, "extensions": {"cost": {"requestedQueryCost": points, "throttleStatus": bucket}}})

    def _refused(self, query: str, variables: Document) -> Document | None:
        if self.throttled:
            self.throttled -= 1
            return {"errors": [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}]}
        if cost(query, variables) > DEAREST:
            return {"errors": [{"message": "Query cost is too high", "extensions": {"code": "MAX_COST_EXCEEDED"}}]}
        invalid = graphql.validate(SCHEMA, graphql.parse(query))
        if invalid:
            return {"errors": [{**error.formatted, "extensions": {"code": "undefinedField"}} for error in invalid]}
        return None

    def _executed(self, query: str, variables: Document | None, root: Document) -> Document:
        result = graphql.graphql_sync(SCHEMA, query, root, variable_values=variables)
        errors = {"errors": [error.formatted for error in result.errors]} if result.errors else {}
        return {"data": result.data, **errors}

    def _root(self, base: str) -> Document:
        installed = {"accessScopes": [{"handle": scope} for scope in sorted(self.scopes)]}
        return {
            "currentAppInstallation": installed,
            "bulkOperationRunQuery": lambda _info, **arguments: self._run(**arguments),
            "bulkOperation": lambda _info, **arguments: self._state(base, arguments["id"]),
            "order": lambda _info, **arguments: self._lined(self.documents["orders"].get(arguments["id"])),
            **{kind: self._search(kind) for kind in KINDS},
        }

    def _search(self, kind: str) -> Callable[..., Document]:
        def search(info: Any, **arguments: Any) -> Document:
            self._authorize(kind, graphql.print_ast(info.operation))
            documents = sorted(self.documents[kind].values(), key=_place)
            if arguments.get("sortKey") != "UPDATED_AT":
                documents.sort(key=lambda document: int(document["id"].rpartition("/")[2]))
            if arguments.get("query"):
                since = SINCE.fullmatch(arguments["query"])
                if since is None:
                    raise _refusal("the filter is not understood")
                documents = [document for document in documents if document["updatedAt"] >= since[1]]
            return _connection([self._lined(document) for document in documents], **arguments)

        return search

    def _authorize(self, kind: str, query: str) -> None:
        needed = NEEDED.get(kind, f"read_{kind}")
        if needed not in self.scopes:
            raise _denied(kind, f"`{needed}` access scope.")
        if "compan" in query and not self.has_b2b:
            raise _denied(kind, "`read_customers` access scope or `read_companies` access scope. B2B is not enabled.")

    def _lined(self, document: Document | None) -> Document | None:
        if document is None or "lineItems" not in document:
            return document
        lines = document["lineItems"]
        return {**document, "lineItems": lambda _info, **arguments: _connection(lines, **arguments)}

    def _run(self, query: str, *, groupObjects: bool) -> Document:  # noqa: N803 - Shopify's name
        if self.bulk.busy:
            return {"bulkOperation": None, "userErrors": [{"code": self.bulk.busy}]}
        if not groupObjects:
            raise _refusal("without grouping, lines come in any order: not served here")
        if graphql.validate(SCHEMA, graphql.parse(query)):
            return {"bulkOperation": None, "userErrors": [{"code": "INVALID"}]}
        answer = self._executed(query, None, {kind: self._search(kind) for kind in KINDS})
        edges = [] if "errors" in answer else next(iter(answer["data"].values()))["edges"]
        lines = [line for edge in edges for line in _lines(edge["node"])]
        key = gid("BulkOperation", len(self.bulk.operations) + 1)
        operation = Operation(key, lines, len(edges), "errors" in answer)
        self.bulk.operations.append(operation)
        return {"bulkOperation": {"id": operation.id}, "userErrors": []}

    def _state(self, base: str, key: str) -> Document | None:
        operation = next((each for each in self.bulk.operations if each.id == key), None)
        if operation is None:
            return None
        operation.polls += 1
        if operation.polls <= self.bulk.polls:
            return {"status": "RUNNING", "rootObjectCount": "0"}
        if operation.denied:
            return {"status": "FAILED", "errorCode": "ACCESS_DENIED", "rootObjectCount": "0"}
        done = self.bulk.end == "COMPLETED" and operation.lines
        url = f"{base}_bulk/{key.rpartition('/')[2]}.jsonl?signature=secret" if done else None
        count = str(operation.roots)
        return {"status": self.bulk.end, "errorCode": self.bulk.error, "url": url, "rootObjectCount": count}

    async def _file(self, request: Request) -> Response:
        operation = self.bulk.operations[request.path_params["number"] - 1]
        return Response(b"".join(operation.lines), media_type="application/jsonl")


def cost(query: str, variables: Document) -> int:
    """The most points that a query may cost: one for each object that it may give."""

    def points(node: Any) -> int:
        selections = node.selection_set.selections if node.selection_set else ()
        inside = sum(points(child) for child in selections)
        if not isinstance(node, graphql.FieldNode):
            return inside
        if not selections or node.name.value == "pageInfo":
            return 0
        first = [argument.value for argument in node.arguments or () if argument.name.value == "first"]
        times = [graphql.value_from_ast_untyped(value, variables) for value in first]
        return 1 + inside * (times[0] if times else 1)

    return sum(points(definition) for definition in graphql.parse(query).definitions)


def refusal_body(status: int) -> object:
    """Shopify's error body for a status."""
    return {"errors": f"refused with {status}"}


def _place(document: Document) -> tuple[str, int]:
    return document["updatedAt"], int(document["id"].rpartition("/")[2])


def _connection(items: Sequence[Document | None], **arguments: Any) -> Document:
    """A page of a connection; a cursor is the place of its last document, or its position where it says no change."""
    there = [item for item in items if item is not None]
    places = [_place(item) if "updatedAt" in item else ("", n) for n, item in enumerate(there)]
    after = tuple(orjson.loads(base64.b64decode(arguments["after"]))) if arguments.get("after") else None
    start = sum(place <= after for place in places) if after else 0
    if start > DEEPEST:
        raise _refusal("pagination is too deep")
    end = start + arguments["first"] if arguments.get("first") else len(there)
    shown = there[start:end]
    last = base64.b64encode(orjson.dumps(places[start : start + len(shown)][-1])).decode() if shown else None
    page_info = {"hasNextPage": end < len(there), "endCursor": last}
    return {"nodes": shown, "edges": [{"node": node} for node in shown], "pageInfo": page_info}


def _lines(node: Document) -> Iterator[bytes]:
    """A node as lines of a bulk operation's file: itself, then the nodes of its connections."""
    inside = {name: value for name, value in node.items() if isinstance(value, dict) and "edges" in value}
    yield orjson.dumps({name: value for name, value in node.items() if name not in inside}) + b"\n"
    for connection in inside.values():
        for edge in connection["edges"]:
            yield orjson.dumps({**edge["node"], "__parentId": node["id"]}) + b"\n"


def _denied(name: str, access: str) -> GraphQLError:
    extensions = {"code": "ACCESS_DENIED", "requiredAccess": access}
    return GraphQLError(f"Access denied for {name} field.", extensions=extensions)


def _refusal(message: str) -> GraphQLError:
    return GraphQLError(message, extensions={"code": "BAD_USER_INPUT"})


def _json(body: object, status: int = 200) -> Response:
    return Response(orjson.dumps(body), status, media_type="application/json")
