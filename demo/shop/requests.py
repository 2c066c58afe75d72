"""What a request asks of the shop: credentials, listing, page and filters; what is not valid is refused."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request

from demo.document_store import Document

MAX_PER_PAGE = 100


@dataclass(frozen=True)
class Resource:
    """What distinguishes one listing: sort orders and defaults, whether it knows dates, how it says 404."""

    orderby: tuple[str, ...]
    default_orderby: str
    default_order: str
    dated: bool
    missing: tuple[str, str]


RESOURCES = {
    "orders": Resource(
        orderby=("date", "modified", "id", "include", "title", "slug"),
        default_orderby="date",
        default_order="desc",
        dated=True,
        missing=("woocommerce_rest_shop_order_invalid_id", "Invalid ID."),
    ),
    "customers": Resource(
        orderby=("id", "include", "name", "registered_date"),
        default_orderby="name",
        default_order="asc",
        dated=False,
        missing=("woocommerce_rest_invalid_id", "Invalid resource ID."),
    ),
    "products": Resource(
        orderby=("date", "modified", "id", "include", "title", "slug"),
        default_orderby="date",
        default_order="desc",
        dated=True,
        missing=("woocommerce_rest_product_invalid_id", "Invalid ID."),
    ),
}


class Refusal(Exception):  # noqa: N818 - the HTTP answer to give, named as what it is
    """An answer that is not 2xx."""

    def __init__(self, status: int, code: str, message: str, data: Mapping[str, Any] | None = None) -> None:
        super().__init__(code)
        self.status = status
        self.body = {"code": code, "message": message, "data": {"status": status, **(data or {})}}


def basic_credentials(request: Request) -> tuple[str, str] | None:
    """The key and secret of an ``Authorization`` header; None if there is none."""
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        key, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return ("invalid", "")
    return key, secret


def requested_resource(request: Request) -> tuple[str, Resource]:
    """The listing that the path names."""
    name = request.path_params["resource"]
    if name not in RESOURCES:
        raise Refusal(404, "rest_no_route", "No route was found matching the URL and request method.")
    return name, RESOURCES[name]


def requested_page(request: Request) -> tuple[int, int, int]:
    """Page, documents per page and the position of the first one."""
    page, per_page = integer(request, "page", 1), integer(request, "per_page", 10)
    if page < 1:
        raise invalid(name="page", message="page must be greater than or equal to 1")
    if not 1 <= per_page <= MAX_PER_PAGE:
        raise invalid(name="per_page", message=f"per_page must be between 1 (inclusive) and {MAX_PER_PAGE} (inclusive)")
    return page, per_page, max(0, integer(request, "offset", (page - 1) * per_page))


def paging_headers(request: Request, page: int, per_page: int, total: int) -> dict[str, str]:
    """How much there is in all, and where the pages before and after are."""
    pages = -(-total // per_page)
    beside = {"prev": min(page - 1, pages), "next": page + 1}
    links = [f'<{_page_url(request, n)}>; rel="{rel}"' for rel, n in beside.items() if 1 <= n <= pages]
    return {
        "X-WP-Total": str(total),
        "X-WP-TotalPages": str(pages),
        **({"Link": ", ".join(links)} if links else {}),
    }


def _page_url(request: Request, page: int) -> str:
    kept = {k: v for k, v in request.query_params.items() if not k.startswith("consumer_")}
    return f"{request.url.replace(query=urlencode({**kept, 'page': page}))}"


def integer(request: Request, name: str, default: int = 0) -> int:
    """A parameter as an integer."""
    try:
        return int(request.query_params.get(name, default))
    except ValueError:
        raise invalid(name, f"{name} is not of type integer.") from None


def ids(request: Request, name: str) -> tuple[int, ...]:
    """A parameter as ids, separated by commas or given several times."""
    texts = [*request.query_params.getlist(name), *request.query_params.getlist(f"{name}[]")]
    try:
        return tuple(int(key) for text in texts for key in text.split(",") if key)
    except ValueError:
        raise invalid(name, f"{name}[0] is not of type integer.") from None


def choice(request: Request, name: str, valid: tuple[str, ...], default: str) -> str:
    """A parameter that must be one of the valid values."""
    value = request.query_params.get(name, default)
    if value not in valid:
        raise invalid(name, f"{name} is not one of {', '.join(valid)}.")
    return value


def invalid(name: str, message: str) -> Refusal:
    """The refusal of a parameter."""
    data = {
        "params": {name: message},
        "details": {name: {"code": "rest_invalid_param", "message": message, "data": None}},
    }
    return Refusal(400, "rest_invalid_param", f"Invalid parameter(s): {name}", data)


def trimmed(document: Document, request: Request) -> Document:
    """A document with the fields that ``_fields`` asks for."""
    wanted = request.query_params.get("_fields")
    return document if wanted is None else {key: document[key] for key in wanted.split(",") if key in document}
