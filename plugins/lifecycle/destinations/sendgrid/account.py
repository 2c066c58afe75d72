"""What has to be at SendGrid before anything is written, our lists and custom fields; and whose account it is."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from lifecycle.destinations import RemoteList, values
from lifecycle.destinations.sendgrid.calls import answer_part, call
from lifecycle.destinations.sendgrid.refusals import refused_creation
from lifecycle.errors import AccessDenied, AnswerUnreadable, SettingsInvalid
from lifecycle.settings import FIELD_PREFIX, FieldType
from lifecycle.sources.sendgrid.campaigns import paged
from lifecycle.web import NOT_FOUND, Refused, Session, document

LISTS, FIELDS = "/v3/marketing/lists", "/v3/marketing/field_definitions"
#: Fields that SendGrid has by itself, which stand beside the address, and the longest text of each by its contract.
RESERVED: Mapping[str, int] = {
    "first_name": 50,
    "last_name": 50,
    "address_line_1": 100,
    "address_line_2": 100,
    "city": 60,
    "state_province_region": 50,
    "postal_code": 50,
    "country": 50,
}
#: What we say of a contact for which SendGrid has no field of its own: a custom field has it.
CUSTOM_NAMES: Mapping[str, str] = {"language": f"{FIELD_PREFIX}language"}


#: What else identifies a contact. An update has to repeat those that the contact has; none is ever emptied.
IDENTIFIERS: Mapping[str, int] = {"external_id": 254, "phone_number_id": 254, "anonymous_id": 254}
MAX_LISTS, MAX_FIELDS = 1_000, 500


@dataclass(frozen=True, slots=True)
class CustomField:
    """A custom field: its id and type there, and the name and type that we know it by."""

    id: str
    kind: FieldType
    name: str
    our_kind: FieldType


class Place(NamedTuple):
    """Where a value stands in a contact as it is sent: how it is written, and what empties it, if anything does."""

    key: str
    write: Callable[[Any], str | float | None]
    empty: str | float | None
    is_custom: bool = False


def places(fields: Mapping[str, CustomField]) -> dict[str, Place]:
    """Our name in lower case → place of everything that can be said of a contact."""
    known = {name: Place(name, partial(values.text, longest=most), "") for name, most in RESERVED.items()}
    known |= {name: Place(name, partial(_identifier, longest=most), None) for name, most in IDENTIFIERS.items()}
    for name, item in fields.items():
        write = _moment if item.kind == "Date" else values.IN_TYPE[item.kind]
        known[name] = Place(item.id, write, write(values.EMPTY[item.kind]), is_custom=True)
    return known | {name: known[there] for name, there in CUSTOM_NAMES.items() if there in known}


def _identifier(value: object, longest: int) -> str | None:
    return values.text(value, longest) or None


def _moment(value: object) -> str | None:
    written = values.day(value)
    return written and f"{written}T00:00:00Z"


def identity(session: Session, address: str) -> str | None:
    """A digest of the account's number; ``None`` where the key may not read it."""
    try:
        user = document(session.get(f"{address}/v3/user/username"))
    except AccessDenied:
        return None
    except Refused as refusal:
        if refusal.status == NOT_FOUND:
            return None
        raise
    return hashlib.sha256(f"sendgrid {answer_part(user, 'user_id', int)}".encode()).hexdigest()


def known_lists(session: Session, address: str) -> list[RemoteList]:
    """Every list of the account."""
    return [
        RemoteList(str(answer_part(item, "id")), answer_part(item, "name", str), item.get("contact_count"))
        for page in paged(session, f"{address}{LISTS}", "result", 1000)
        for item in page
    ]


def prepare_lists(
    api: Any, session: Session, address: str, names: Iterable[str], ids: Mapping[str, str]
) -> dict[str, str]:
    """Name → id of every list; ``ids`` are those of lists that were filled before. Missing ones are made."""
    there = known_lists(session, address)
    known = {item.name: item.id for item in there}
    known |= {name: key for name, key in ids.items() if key in {item.id for item in there}}
    for name in names:
        if name not in known:
            make = partial(api.marketing.lists.post, request_body={"name": name})
            made = _made(f"POST {LISTS}", make, partial(_ids_by_name, session, address), name, MAX_LISTS)
            known[name] = str(answer_part(made, "id"))
    return known


def _ids_by_name(session: Session, address: str) -> dict[str, Any]:
    return {item.name: {"id": item.id} for item in known_lists(session, address)}


def prepare_fields(api: Any, fields: Mapping[str, FieldType]) -> tuple[dict[str, CustomField], frozenset[str]]:
    """Name in lower case → custom field, also of those that are not pushed; and the ids of those just made."""
    there, made = known_fields(api), set[str]()
    own = RESERVED.keys() | IDENTIFIERS.keys()
    wanted = {custom_name(name): (name, kind) for name, kind in fields.items() if name.lower() not in own}
    for key, (name, kind) in wanted.items():
        if key not in there:
            body = {"name": CUSTOM_NAMES.get(name, name), "field_type": kind}
            make = partial(api.marketing.field_definitions.post, request_body=body)
            there[key] = dict(_made(f"POST {FIELDS}", make, partial(known_fields, api), key, MAX_FIELDS))
            made.add(str(answer_part(there[key], "id")))
        type_there = answer_part(there[key], "field_type", str)
        if type_there != kind and (type_there != "Text" or key.startswith(FIELD_PREFIX)):
            message = f"custom field {key} is {type_there} at SendGrid, not {kind}; rename it there"
            raise SettingsInvalid(message)
    return {key: _custom_field(key, item, wanted) for key, item in there.items()}, frozenset(made)


def _custom_field(key: str, item: Mapping[str, Any], wanted: Mapping[str, tuple[str, FieldType]]) -> CustomField:
    kind = answer_part(item, "field_type", str)
    greetings = {there: name for name, there in CUSTOM_NAMES.items()}
    name = greetings.get(key) or (key if key.startswith(FIELD_PREFIX) else item["name"])
    return CustomField(str(answer_part(item, "id")), kind, *wanted.get(key, (name, kind)))


def custom_name(name: str) -> str:
    """The name of a custom field, in lower case."""
    return CUSTOM_NAMES.get(name, name).lower()


def known_fields(api: Any) -> dict[str, dict[str, Any]]:
    """Name in lower case → definition of every custom field."""
    answer = call(f"GET {FIELDS}", api.marketing.field_definitions.get)
    return {answer_part(item, "name", str).lower(): item for item in answer.get("custom_fields") or []}


def _made(endpoint: str, make: Callable[[], Any], known: Callable[[], Mapping[str, Any]], name: str, most: int) -> Any:
    """Make a list or a field; a refusal can mean that a try whose answer was lost has made it, or that all are used."""
    try:
        return call(endpoint, make)
    except AnswerUnreadable as error:
        if name in (there := known()):
            return there[name]
        if isinstance(error, Refused):
            raise refused_creation(endpoint, error, is_full=len(there) >= most) from None
        raise
