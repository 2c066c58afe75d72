"""The answers of Brevo's API, and which belongs to which call."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from demo.brevo.account import EMAIL, Account
from lifecycle.testing import clock as clocks
from lifecycle.testing.faults import FAULT

MOST_BYTES = 10_000_000
MOST_REMOVALS = 150
PAGE, CONTACT_PAGE, ALL_CONTACTS_PAGE = (10, 50), (50, 500), (50, 1000)
TYPES = ("text", "date", "float", "boolean")

Answer = Callable[[Request, Account], Awaitable[Response]]


class Refusal(Exception):  # noqa: N818 - the HTTP answer to give, named as what it is
    """An answer that is not 2xx: a code and a message."""

    def __init__(self, status: int, code: str, text: str) -> None:
        super().__init__(code)
        self.status = status
        self.body = {"code": code, "message": text}


def refusal_body(status: int) -> object:
    """Brevo's error body for a status that a fault or a key asks for."""
    codes = {401: "unauthorized", 403: "permission_denied", 404: "document_not_found", 429: "too_many_requests"}
    return {"code": codes.get(status, "bad_request"), "message": f"refused with {status}"}


async def get_account(_request: Request, account: Account) -> Response:
    """Show whose account it is."""
    number = account.user_id
    ids = {"organization_id": f"{number:024x}", "user_id": number, "enterprise": False}
    holder = {"email": "owner@example.com", "firstName": "Ada", "lastName": "Lovelace", "companyName": "Demo"}
    address = {"street": "1 Main Street", "city": "Springfield", "zipCode": "00000", "country": "USA"}
    plan = [{"type": "free", "credits": 300, "creditsType": "sendLimit"}]
    relay = {"enabled": False, "data": {"userName": "owner@example.com", "relay": "smtp.example.com", "port": 587}}
    return _json({**ids, **holder, "address": address, "plan": plan, "relay": relay})


async def get_folders(request: Request, account: Account) -> Response:
    """Show a page of the folders."""
    rows = [{"id": number, "name": name, **_totals(0)} for number, name in account.folders.items()]
    return _page(request, "folders", rows, PAGE)


async def post_folder(request: Request, account: Account) -> Response:
    """Create a folder; another may have the same name."""
    number = account.next_id()
    account.folders[number] = _name(await _body(request))
    return _json({"id": number}, 201)


async def get_lists(request: Request, account: Account) -> Response:
    """Show a page of the lists."""
    rows = [
        {"id": number, "name": name, "folderId": folder, **_totals(len(account.members(number)))}
        for number, (name, folder) in account.lists.items()
    ]
    return _page(request, "lists", rows, PAGE)


async def post_list(request: Request, account: Account) -> Response:
    """Create a list; another may have the same name."""
    body = await _body(request)
    if body.get("folderId") not in account.folders:
        raise Refusal(400, "invalid_parameter", "Folder ID does not exist")
    return _json({"id": account.add_list(_name(body), body["folderId"])}, 201)


async def get_attributes(_request: Request, account: Account) -> Response:
    """Show the attributes."""
    kinds = account.attributes.items()
    return _json({"attributes": [{"name": name, "category": "normal", "type": kind} for name, kind in kinds]})


async def post_attribute(request: Request, account: Account) -> Response:
    """Create an attribute; its name becomes upper case."""
    name, kind = request.path_params["name"].upper(), (await _body(request)).get("type")
    if kind not in TYPES:
        raise Refusal(400, "invalid_parameter", "Attribute type is invalid")
    if name in (known.upper() for known in account.attributes):
        raise Refusal(400, "invalid_parameter", "Attribute name must be unique")
    account.attributes[name] = kind
    return Response(status_code=201)


async def post_import(request: Request, account: Account) -> Response:
    """Accept an import into lists."""
    raw = await request.body()
    body = await _body(request)
    if len(raw) > MOST_BYTES:
        raise Refusal(400, "out_of_range", "Body is larger than 10MB")
    if not isinstance(body.get("jsonBody"), list) or not body["jsonBody"]:
        raise Refusal(400, "missing_parameter", "jsonBody is missing")
    if not body.get("listIds"):
        raise Refusal(400, "missing_parameter", "Either listIds or newList is required")
    if unknown := [number for number in body["listIds"] if number not in account.lists]:
        raise Refusal(400, "invalid_parameter", f"List IDs do not exist: {unknown}")
    if not any(EMAIL.fullmatch(str(row.get("email") or "").strip()) for row in body["jsonBody"]):
        raise Refusal(400, "invalid_parameter", "There is no valid email in the file")
    return _json({"processId": account.submit(body, request.scope[FAULT]).id}, 202)


async def get_process(request: Request, account: Account) -> Response:
    """Show how an import stands."""
    process = account.poll(request.path_params["id"])
    if process is None:
        raise Refusal(404, "document_not_found", "Process ID does not exist")
    return _json(process.shown(str(request.base_url).rstrip("/")))


async def get_processes(request: Request, account: Account) -> Response:
    """Show a page of the imports."""
    base, has_info = str(request.base_url).rstrip("/"), account.rules.listing_has_info
    rows = [account.poll(number) or each for number, each in account.processes.items()]
    return _page(request, "processes", [each.shown(base, has_info=has_info) for each in rows], PAGE)


async def get_blocked(request: Request, account: Account) -> Response:
    """Show a page of those who are blocked, or were between two days, both included."""
    days = [request.query_params.get(name, default) for name, default in (("startDate", ""), ("endDate", "9"))]
    if (days[0] == "") != (days[1] == "9"):
        raise Refusal(400, "invalid_parameter", "startDate and endDate go together")
    rows = [
        {
            "id": each.id,
            "email": each.email,
            "senderEmail": "",
            "reason": {"code": "unsubscribedViaEmail", "message": "Unsubscribed via email"},
            "blockedAt": clocks.iso(each.modified_at),
        }
        for each in account.contacts.values()
        if each.is_blocked and days[0] <= clocks.iso(each.modified_at)[:10] <= days[1]
    ]
    return _page(request, "contacts", rows, (50, 100))


async def get_members(request: Request, account: Account) -> Response:
    """Show a page of a list's contacts."""
    return _page(request, "contacts", [each.shown() for each in account.members(_list(request, account))], CONTACT_PAGE)


async def get_contacts(request: Request, account: Account) -> Response:
    """Show a page of the contacts, or of those that have changed since a moment."""
    since = request.query_params.get("modifiedSince")
    moment = datetime.fromisoformat(since).timestamp() if since else 0
    rows = [each.shown() for each in account.contacts.values() if each.modified_at >= moment]
    return _page(request, "contacts", rows, ALL_CONTACTS_PAGE)


async def remove_members(request: Request, account: Account) -> Response:
    """Take contacts off a list; refused if none of them is on it."""
    number, body = _list(request, account), await _body(request)
    on_list = {each.email: each for each in account.members(number)}
    emails = list(on_list) if body.get("all") else body.get("emails") or _addresses(account, body.get("ids") or [])
    if not body.get("all") and not 1 <= len(emails) <= MOST_REMOVALS:
        raise Refusal(400, "out_of_range", f"Between 1 and {MOST_REMOVALS} emails are required")
    success = [email for email in emails if email.strip().lower() in on_list]
    if emails and not success:
        raise Refusal(400, "invalid_parameter", "Contact already removed from list and/or does not exist")
    for email in success:
        on_list[email.strip().lower()].list_ids.discard(number)
    return _json({"contacts": {"success": success, "failure": [each for each in emails if each not in success]}}, 201)


async def get_contact(request: Request, account: Account) -> Response:
    """Show one contact, found by its address."""
    contact = account.contacts.get(request.path_params["identifier"].strip().lower())
    if contact is None:
        raise Refusal(404, "document_not_found", "Contact does not exist")
    return _json(contact.shown() | {"statistics": {}})


async def download(request: Request, account: Account) -> Response:
    """Hand out a kept file to whoever knows its address."""
    text = account.files.get(request.path_params["token"])
    if text is None:
        raise Refusal(404, "document_not_found", "File does not exist")
    return Response(text, media_type="text/csv")


ANSWERS: Mapping[tuple[str, str], Answer] = {
    ("GET", "/v3/account"): get_account,
    ("GET", "/v3/smtp/blockedContacts"): get_blocked,
    ("GET", "/v3/contacts"): get_contacts,
    ("GET", "/v3/contacts/folders"): get_folders,
    ("POST", "/v3/contacts/folders"): post_folder,
    ("GET", "/v3/contacts/lists"): get_lists,
    ("POST", "/v3/contacts/lists"): post_list,
    ("GET", "/v3/contacts/lists/{id:int}/contacts"): get_members,
    ("POST", "/v3/contacts/lists/{id:int}/contacts/remove"): remove_members,
    ("GET", "/v3/contacts/attributes"): get_attributes,
    ("POST", "/v3/contacts/attributes/normal/{name}"): post_attribute,
    ("POST", "/v3/contacts/import"): post_import,
    ("GET", "/v3/contacts/{identifier}"): get_contact,
    ("GET", "/v3/processes"): get_processes,
    ("GET", "/v3/processes/{id:int}"): get_process,
    ("GET", "/_files/{token}/{name}"): download,
}


def routes(account: Account) -> list[Route]:
    """The routes, each bound to the account; due imports are carried out before any answer."""

    def route(method: str, path: str, answer: Answer) -> Route:
        async def endpoint(request: Request) -> Response:
            account.finish_jobs()
            return await answer(request, account)

        return Route(path, endpoint, methods=[method])

    return [route(method, path, answer) for (method, path), answer in ANSWERS.items()]


def _addresses(account: Account, numbers: Sequence[int]) -> list[str]:
    """The addresses of contacts; a number that no contact has stands for itself."""
    emails = {each.id: each.email for each in account.contacts.values()}
    return [emails.get(number, str(number)) for number in numbers]


def _page(request: Request, what: str, rows: Sequence[Mapping[str, Any]], limits: tuple[int, int]) -> Response:
    limit, offset = (_number(request, name, default) for name, default in (("limit", limits[0]), ("offset", 0)))
    if not 0 <= limit <= limits[1] or offset < 0:
        raise Refusal(400, "out_of_range", f"Limit must be between 0 and {limits[1]}")
    newest_first = request.query_params.get("sort", "desc") == "desc"
    ordered = sorted(rows, key=lambda row: row["id"], reverse=newest_first)
    return _json({what: ordered[offset : offset + limit], "count": len(rows)})


def _number(request: Request, name: str, default: int) -> int:
    try:
        return int(request.query_params.get(name, default))
    except ValueError:
        raise Refusal(400, "invalid_parameter", f"{name} must be a number") from None


def _list(request: Request, account: Account) -> int:
    number = int(request.path_params["id"])
    if number not in account.lists:
        raise Refusal(404, "document_not_found", "List ID does not exist")
    return number


def _totals(count: int) -> dict[str, int]:
    return {"totalSubscribers": count, "totalBlacklisted": 0, "uniqueSubscribers": count}


def _name(body: Mapping[str, Any]) -> str:
    name = body.get("name")
    if not isinstance(name, str) or not 1 <= len(name) <= 100:  # noqa: PLR2004 - no name is longer here
        raise Refusal(400, "missing_parameter", "name is missing or too long")
    return name


async def _body(request: Request) -> dict[str, Any]:
    try:
        body = orjson.loads(await request.body())
    except orjson.JSONDecodeError:
        raise Refusal(400, "bad_request", "Input must be a valid JSON object") from None
    if not isinstance(body, dict):
        raise Refusal(400, "bad_request", "Input must be a valid JSON object")
    return body


def _json(body: object, status: int = 200) -> Response:
    return Response(orjson.dumps(body), status, media_type="application/json")
