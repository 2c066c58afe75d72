"""What has to be at Brevo before anything is written: our folder, its lists and our attributes."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from lifecycle.destinations.brevo.calls import REMOVING, answer_part, call, call_once
from lifecycle.errors import AnswerUnreadable, RetryLater, SettingsInvalid
from lifecycle.settings import FIELD_PREFIX, FieldType
from lifecycle.web import Refused, attempt

FOLDER, UNLISTED = "Lifecycle", "Lifecycle: fields only"
TYPES: dict[FieldType, str] = {"Text": "text", "Number": "float", "Date": "date"}
LIST_PAGE = 50


def prepare_lists(api: Any, names: Iterable[str]) -> dict[str, int]:
    """Name → id of every list; missing ones are made in our folder, and who is on ``UNLISTED`` leaves it.

    Nothing is written if no list is asked for.
    """
    names = [*names]
    folders = partial(_known, "GET /v3/contacts/folders", api.get_folders, "folders")
    make_folder = partial(api.create_folder, name=FOLDER)
    folder = folders().get(FOLDER) or {}
    if names and not folder:
        folder = _made("POST /v3/contacts/folders", make_folder, folders, FOLDER)
    lists = partial(_known, "GET /v3/contacts/lists", api.get_lists, "lists", folder.get("id"))
    known = lists()
    if names and known.get(UNLISTED, {}).get("uniqueSubscribers"):
        with suppress(Refused):  # the figure is late: nobody is on it any more
            call(REMOVING, partial(api.remove_contact_from_list, known[UNLISTED]["id"], request={"all": True}))
    for name in (*names, UNLISTED) if names else ():
        if name not in known:
            make_list = partial(api.create_list, name=name, folder_id=folder["id"])
            known[name] = _made("POST /v3/contacts/lists", make_list, lists, name)
    return {name: item["id"] for name, item in known.items()}


def _known(
    endpoint: str, request: Callable[..., Any], part: str, folder: int | None = None
) -> dict[str, dict[str, Any]]:
    """Name → item of all pages; of one name the item in our folder, else the oldest."""
    items: list[dict[str, Any]] = []
    while True:
        answer = call(endpoint, partial(request, limit=LIST_PAGE, offset=len(items), sort="asc"))
        count = answer_part(answer, "count", int)
        page = answer_part(answer, part, list) if count > len(items) else []
        items += [{"name": answer_part(item, "name", str), "id": answer_part(item, "id", int), **item} for item in page]
        if len(items) >= count:
            # the last of one name wins
            items.sort(key=lambda item: (item.get("folderId") == folder, -item["id"]))
            return {item["name"]: item for item in items}
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
        except (RetryLater, AnswerUnreadable):
            if (entry := known().get(name)) is None:
                raise
            return entry

    return attempt(make_or_find)


def prepare_attributes(api: Any, fields: Mapping[str, FieldType]) -> dict[str, tuple[str, str]]:
    """Our name → name and type there, also of fields that are no longer pushed; missing ones are made."""
    known = _known_attributes(api)
    for name, kind in fields.items():
        if name not in known:
            make = partial(api.create_attribute, "normal", name.upper(), type=TYPES[kind])
            with suppress(AnswerUnreadable):  # a try whose answer was lost has made it
                call("POST /v3/contacts/attributes/{category}/{name}", make)
            known = _known_attributes(api)
        there, type_there = known.get(name, (name.upper(), "not there"))
        if type_there != TYPES[kind]:
            message = f"attribute {there} is {type_there} at Brevo, not {TYPES[kind]}; rename it there"
            raise SettingsInvalid(message)
    return {name: item for name, item in known.items() if name in fields or name.startswith(FIELD_PREFIX)}


def _known_attributes(api: Any) -> dict[str, tuple[str, str]]:
    known = {}
    for item in answer_part(call("GET /v3/contacts/attributes", api.get_attributes), "attributes", list):
        name, category = answer_part(item, "name", str), answer_part(item, "category", str)
        known[name.lower()] = (name, str(item.get("type")) if category == "normal" else category)
    return known
