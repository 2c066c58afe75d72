"""What has to be at Brevo before anything is written: folder, lists and attributes; and whose account it is."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from lifecycle.destinations import RemoteList
from lifecycle.destinations.brevo.calls import REMOVING, answer_part, call, call_once
from lifecycle.destinations.brevo.refusals import refused_creation
from lifecycle.errors import AnswerUnreadable, RetryLater, SettingsInvalid
from lifecycle.settings import FIELD_PREFIX, FieldType
from lifecycle.web import Refused, Session, attempt, document

FOLDER, UNLISTED = "Lifecycle", "Lifecycle: fields only"
TYPES: Mapping[FieldType, str] = {"Text": "text", "Number": "float", "Date": "date"}
KINDS: Mapping[str, FieldType] = {there: kind for kind, there in TYPES.items()}
LIST_PAGE = 50
#: What greets somebody → the attributes that accounts have for it, by their language; the first is made where none is.
RESERVED: Mapping[str, tuple[str, ...]] = {
    "first_name": ("FIRSTNAME", "VORNAME", "PRENOM"),
    "last_name": ("LASTNAME", "NACHNAME", "NOM"),
    "country": ("COUNTRY", "LAND", "PAYS"),
    "language": ("LANGUAGE", "SPRACHE", "LANGUE"),
}


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute: its name and type there, and those that we know it by."""

    there: str
    kind: FieldType
    name: str
    our_kind: FieldType


def identity(session: Session, address: str) -> str:
    """A digest of the organization's number, or of the account's address where Brevo doesn't tell it."""
    account = document(session.get(f"{address}/account"))
    key = account.get("organization_id") if isinstance(account, dict) else None
    return hashlib.sha256(f"brevo {key or answer_part(account, 'email', str)}".encode()).hexdigest()


def known_lists(api: Any) -> list[RemoteList]:
    """Every list of the account."""
    items = _items("GET /v3/contacts/lists", api.get_lists, "lists")
    return [RemoteList(str(item["id"]), item["name"], item.get("uniqueSubscribers")) for item in items]


def prepare_lists(api: Any, names: Iterable[str], ids: Mapping[str, str]) -> dict[str, str]:
    """Name → id of every list; missing ones are made in our folder, and who is on ``UNLISTED`` leaves it.

    ``ids`` are those of lists that were filled before. Nothing is written if no list is asked for.
    """
    names = [*names]
    folders = partial(_known, "GET /v3/contacts/folders", api.get_folders, "folders")
    make_folder = partial(api.create_folder, name=FOLDER)
    folder = folders().get(FOLDER) or {}
    if names and not folder:
        folder = _made("POST /v3/contacts/folders", make_folder, folders, FOLDER)
    lists = partial(_known, "GET /v3/contacts/lists", api.get_lists, "lists", folder.get("id"))
    items = _items("GET /v3/contacts/lists", api.get_lists, "lists")
    by_id = {str(item["id"]): item for item in items}
    known = _by_name(items, folder.get("id")) | {name: by_id[key] for name, key in ids.items() if key in by_id}
    if names and known.get(UNLISTED, {}).get("uniqueSubscribers"):
        with suppress(Refused):  # the figure is late: nobody is on it any more
            call(REMOVING, partial(api.remove_contact_from_list, known[UNLISTED]["id"], request={"all": True}))
    for name in (*names, UNLISTED) if names else ():
        if name not in known:
            make_list = partial(api.create_list, name=name, folder_id=folder["id"])
            known[name] = _made("POST /v3/contacts/lists", make_list, lists, name)
    return {name: str(item["id"]) for name, item in known.items()}


def _known(
    endpoint: str, request: Callable[..., Any], part: str, folder: int | None = None
) -> dict[str, dict[str, Any]]:
    return _by_name(_items(endpoint, request, part), folder)


def _by_name(items: Iterable[dict[str, Any]], folder: int | None) -> dict[str, dict[str, Any]]:
    """Name → item; of one name the item in our folder, else the oldest."""
    last_wins = sorted(items, key=lambda item: (item.get("folderId") == folder, -item["id"]))
    return {item["name"]: item for item in last_wins}


def _items(endpoint: str, request: Callable[..., Any], part: str) -> list[dict[str, Any]]:
    """The items of all pages."""
    items: list[dict[str, Any]] = []
    while True:
        answer = call(endpoint, partial(request, limit=LIST_PAGE, offset=len(items), sort="asc"))
        count = answer_part(answer, "count", int)
        page = answer_part(answer, part, list) if count > len(items) else []
        items += [{"name": answer_part(item, "name", str), "id": answer_part(item, "id", int), **item} for item in page]
        if len(items) >= count:
            return items
        if not page:
            message = f"{endpoint}: a page before the last is empty"
            raise AnswerUnreadable(message)


def _made(
    endpoint: str, make: Callable[[], Any], known: Callable[[], Mapping[str, dict[str, Any]]], name: str
) -> dict[str, Any]:
    """Make an item and return it with its id; where the answer is lost, look for it before it is made again."""

    def make_or_find() -> dict[str, Any]:
        try:
            return {"id": answer_part(call_once(endpoint, make), "id", int)}
        except (RetryLater, AnswerUnreadable) as error:
            if (entry := known().get(name)) is not None:
                return entry
            if isinstance(error, Refused):
                raise refused_creation(endpoint, error) from None
            raise

    return attempt(make_or_find)


def prepare_attributes(api: Any, fields: Mapping[str, FieldType]) -> dict[str, Attribute]:
    """Our name in lower case → attribute, also of those that are not pushed; missing ones are made."""
    known, wanted = known_attributes(api), dict[str, tuple[str, FieldType, str]]()
    for name, kind in fields.items():
        there = _name_there(name, known)
        if there.lower() not in known:
            known = _with(api, partial(api.create_attribute, "normal", there, type=TYPES[kind]), there)
        type_there = known.get(there.lower(), (there, "not there"))[1]
        if type_there != TYPES[kind] and (type_there != "text" or name.startswith(FIELD_PREFIX)):
            message = f"attribute {there} is {type_there} at Brevo, not {TYPES[kind]}; rename it there"
            raise SettingsInvalid(message)
        wanted[name.lower()] = (name, kind, there)
    greetings = {name: _name_there(name, known) for name in RESERVED}
    ours = {there.lower(): name for name, there in greetings.items() if known.get(there.lower(), ("", ""))[1] == "text"}
    ours |= {there.lower(): name for name, _, there in wanted.values()}
    attributes = {}
    for key, (there, type_there) in known.items():
        if kind_there := KINDS.get(type_there):
            name = ours.get(key) or (key if key.startswith(FIELD_PREFIX) else there)
            _, our_kind, _ = wanted.get(name.lower(), (name, kind_there, there))
            attributes[name.lower()] = Attribute(there, kind_there, name, our_kind)
    return attributes


def _with(api: Any, make: Callable[[], Any], name: str) -> dict[str, tuple[str, str]]:
    """The attributes once one was made; a refusal can mean that a try whose answer was lost has made it."""
    endpoint = "POST /v3/contacts/attributes/{category}/{name}"
    try:
        call(endpoint, make)
    except AnswerUnreadable as error:
        known = known_attributes(api)
        if name.lower() not in known and isinstance(error, Refused):
            raise refused_creation(endpoint, error) from None
        return known
    return known_attributes(api)


def _name_there(name: str, known: Mapping[str, tuple[str, str]]) -> str:
    """The attribute for one of our names: for what greets, the one that the account has, or can have."""
    candidates = RESERVED.get(name)
    if candidates is None:
        return known.get(name.lower(), (name.upper(), ""))[0]
    own = f"{FIELD_PREFIX}{name}".upper()
    texts = (known[each.lower()][0] for each in (*candidates, own) if known.get(each.lower(), ("", ""))[1] == "text")
    return next(texts, None) or next((each for each in candidates if each.lower() not in known), own)


def known_attributes(api: Any) -> dict[str, tuple[str, str]]:
    """Name in lower case → name and type, or its category where that is not the normal one."""
    known = {}
    for item in answer_part(call("GET /v3/contacts/attributes", api.get_attributes), "attributes", list):
        name, category = answer_part(item, "name", str), answer_part(item, "category", str)
        known[name.lower()] = (name, str(item.get("type")) if category == "normal" else category)
    return known
