"""What an upsert may contain: which requests are refused as a whole, and which rows their job refuses."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from demo.esp.contacts import IDENTIFIERS, RESERVED, Contact, address, custom_fields, field_types, moment
from demo.esp.refusal import Refusal
from demo.esp.rules import CONTACT_LIMIT, Rules
from demo.esp.store import Store

MAX_CONTACTS = 30_000
MAX_BYTES = 6_000_000
MAX_TEXT = 1_000
EMAIL = re.compile(r"[^@\s,;<>\"()]+@[^@\s,;<>\"().]+(\.[^@\s,;<>\"().]+)+")
#: By the contract; `phone_number` and what follows it are older, but still shown.
LENGTHS = {
    "external_id": 254, "anonymous_id": 254, "first_name": 50, "last_name": 50, "address_line_1": 100,
    "address_line_2": 100, "city": 60, "state_province_region": 50, "country": 50,
}  # fmt: skip
LONGEST_EMAIL = 254
MAX_ALTERNATES = 5


def check(store: Store, rules: Rules, size: int, body: Mapping[str, Any]) -> None:
    """Refuse a request that SendGrid would refuse as a whole."""
    contacts = body.get("contacts")
    if not isinstance(contacts, list) or not contacts:
        raise Refusal(400, ("contacts", "contacts is required, and it must have at least one entry"))
    if len(contacts) > MAX_CONTACTS or size > MAX_BYTES:
        raise Refusal(400, ("contacts", f"at most {MAX_CONTACTS} contacts or 6MB of data are allowed"))
    known_lists = {row["id"] for row in store.rows("select id from list")}
    if unknown := [key for key in body.get("list_ids") or () if key not in known_lists]:
        raise Refusal(404, ("list_ids", f"list ids do not exist: {', '.join(unknown)}"))
    types = field_types(store)
    unknown = list(dict.fromkeys(key for contact in contacts for key in custom_fields(contact) if key not in types))
    if unknown and rules.unknown_field == "message":
        raise Refusal(400, (None, f"invalid custom field ids supplied - {','.join(unknown)}"))
    errors = [error for n, contact in enumerate(contacts) for error in _errors(f"contacts[{n}]", contact, types, rules)]
    if errors:
        raise Refusal(400, *_named(errors, rules))
    if rules.contact_limit == "request" and (room := room_for(store, rules)) is not None:
        known = {row["email"] for row in store.rows("select email from contact")}
        if len({address(contact) for contact in contacts} - known) > room:
            raise Refusal(400, ("contacts", CONTACT_LIMIT))


def _named(errors: list[tuple[str, str]], rules: Rules) -> list[tuple[str | None, str]]:
    """Return those of the errors that the account names."""
    match rules.names:
        case "all":
            return [*errors]
        case "first":
            return [errors[0]]
        case _:
            return [(None, "one or more contacts are not valid")]


def _errors(place: str, contact: Contact, types: Mapping[str, str], rules: Rules) -> Iterable[tuple[str, str]]:
    email = address(contact)
    if not any(contact.get(name) for name in IDENTIFIERS):
        yield f"{place}.email", "email is required"
    elif email and not EMAIL.fullmatch(email):
        yield f"{place}.email", f"email '{email}' is not valid"
    elif len(email) > LONGEST_EMAIL:
        yield f"{place}.email", f"length should be less than {LONGEST_EMAIL} chars"
    elif rules.refused_at == "request" and email in rules.refused:
        yield f"{place}.email", rules.refused[email]
    for name, value in contact.items():
        if name in RESERVED and (reason := _unfit_reserved(name, value)):
            yield f"{place}.{name}", reason
    for key, value in custom_fields(contact).items():
        if key not in types:
            yield f"{place}.custom_fields.{key}", f"invalid custom field id '{key}'"
        elif (rules.null if value is None else rules.wrong_type) == "request" and (reason := _unfit(key, types, value)):
            yield f"{place}.custom_fields.{key}", reason


def _unfit_reserved(name: str, value: object) -> str | None:
    """Say why a reserved field can't have a value, or None."""
    if name == "alternate_emails":
        fits = isinstance(value, list) and len(value) <= MAX_ALTERNATES and all(isinstance(each, str) for each in value)
        return None if fits else f"at most {MAX_ALTERNATES} alternate emails are allowed"
    if not isinstance(value, str):
        return f"{name} must be a string"
    longest = LENGTHS.get(name, MAX_TEXT)
    return None if len(value) <= longest else f"length should be less than {longest} chars"


def room_for(store: Store, rules: Rules) -> int | None:
    """Return how many new contacts the plan still takes; None without a limit."""
    if rules.max_contacts is None:
        return None
    return max(0, rules.max_contacts - int(store.value("select count(*) from contact")))


def refused_value(contact: Contact, types: Mapping[str, str], rules: Rules) -> str | None:
    """Say why a row can't be taken, or None. A field that was deleted meanwhile is such a reason."""
    if (email := address(contact)) in rules.refused:
        return rules.refused[email]
    for key, value in custom_fields(contact).items():
        if key not in types:
            return f"custom field '{key}' does not exist"
        if (reason := _unfit(key, types, value)) and not (value is None and rules.null == "cleared"):
            return reason
    return None


def _unfit(key: str, types: Mapping[str, str], value: object) -> str | None:
    """Say why a custom field can't have a value, or None."""
    if value is None:
        return f'custom field "{key}" cannot be null'
    return None if _fits(types[key], value) else f"custom field '{key}' is not a valid {types[key]}"


def refused_identity(old: Mapping[str, Any] | None, contact: Contact) -> str | None:
    """Say that an update leaves out an identifier that the contact has, or None.

    The contract: "In order to update a contact, all of its existing identifiers must be present."
    """
    held = {} if old is None else {**orjson.loads(old["reserved"]), "email": old["email"]}
    missing = [name for name in IDENTIFIERS if held.get(name) and not contact.get(name)]
    return f"the contact's {' and '.join(missing)} must be present" if missing else None


def _fits(field_type: str, value: object) -> bool:
    match field_type:
        case "Number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "Date":
            return isinstance(value, str) and moment(value) is not None
        case _:
            return isinstance(value, str) and len(value) <= MAX_TEXT
