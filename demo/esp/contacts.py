"""Contacts: what an upsert may contain, what it changes, how a contact is shown.

Custom fields are keyed by id (`e1_T`) on write and in the store, and by name when shown. A request with a bad
address, an unknown custom field or an overlong name is refused as a whole; a wrong type costs only
its own row.
"""

import re
import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from demo.esp.refusal import Refusal
from demo.esp.store import Store
from lifecycle.testing import clock as clocks

MAX_CONTACTS = 30_000
MAX_BYTES = 6_000_000
MAX_TEXT = 1_000
EMAIL = re.compile(r"[^@\s,;<>\"()]+@[^@\s,;<>\"().]+(\.[^@\s,;<>\"().]+)+")
MAX_LENGTHS = {"email": 254, "first_name": 50, "last_name": 50, "country": 50, "city": 60}
RESERVED = (
    "first_name", "last_name", "alternate_emails", "address_line_1", "address_line_2", "city",
    "state_province_region", "postal_code", "country", "phone_number", "whatsapp", "line", "facebook",
    "unique_name",
)  # fmt: skip

SHOWN = """
    select c.*, (select group_concat(m.list_id) from membership m
                 where m.contact_id = c.id and m.added_at <= ?) as lists
    from contact c where c.created_at <= ? and {where}
"""

Contact = dict[str, Any]


def check(store: Store, size: int, body: Mapping[str, Any]) -> None:
    """Refuse a request that SendGrid would refuse as a whole, naming every row at fault."""
    contacts = body.get("contacts")
    if not isinstance(contacts, list) or not contacts:
        raise Refusal(400, ("contacts", "contacts is required, and it must have at least one entry"))
    if len(contacts) > MAX_CONTACTS or size > MAX_BYTES:
        raise Refusal(400, ("contacts", f"at most {MAX_CONTACTS} contacts or 6MB of data are allowed"))
    known_lists = {row["id"] for row in store.rows("select id from list")}
    if unknown := [key for key in body.get("list_ids") or () if key not in known_lists]:
        raise Refusal(404, ("list_ids", f"list ids do not exist: {', '.join(unknown)}"))
    known_fields = set(field_types(store))
    if errors := [error for n, contact in enumerate(contacts) for error in _errors(n, contact, known_fields)]:
        raise Refusal(400, *errors)


def _errors(number: int, contact: Contact, known_fields: set[str]) -> Iterable[tuple[str, str]]:
    email = str(contact.get("email") or "").strip()
    if not email:
        yield f"contacts[{number}].email", "email is required"
    elif not EMAIL.fullmatch(email):
        yield f"contacts[{number}].email", f"email '{email}' is not valid"
    for name, longest in MAX_LENGTHS.items():
        if len(str(contact.get(name) or "")) > longest:
            yield f"contacts[{number}].{name}", f"length should be less than {longest} chars"
    for key in (contact.get("custom_fields") or {}).keys() - known_fields:
        yield f"contacts[{number}].custom_fields.{key}", f"invalid custom field id '{key}'"


def field_types(store: Store) -> dict[str, str]:
    """Return the type of each custom field by its id."""
    return {row["id"]: row["field_type"] for row in store.rows("select id, field_type from field")}


def refused_value(contact: Contact, types: Mapping[str, str]) -> str | None:
    """Say why a row can't be taken, or None. A field that was deleted meanwhile is such a reason."""
    for key, value in (contact.get("custom_fields") or {}).items():
        if key not in types:
            return f"custom field '{key}' does not exist"
        if value is not None and not _fits(types[key], value):
            return f"custom field '{key}' is not a valid {types[key]}"
    return None


def upsert(store: Store, contact: Contact, list_ids: Iterable[str], types: Mapping[str, str], now: int) -> str | None:
    """Merge one contact: given fields replace, omitted ones stay, lists only add.

    Returns `created` or `updated`, or None where nothing changed.
    """
    email = str(contact["email"]).strip().lower()
    old = store.row("select * from contact where email = ?", (email,))
    reserved = orjson.loads(old["reserved"]) if old else {}
    custom = orjson.loads(old["custom"]) if old else {}
    before = (dict(reserved), dict(custom))
    reserved.update({name: contact[name] for name in RESERVED if contact.get(name) is not None})
    for key, value in (contact.get("custom_fields") or {}).items():
        custom[key] = None if value is None else _stored(types[key], value)
    custom = {key: value for key, value in custom.items() if value is not None}
    is_new = old is None or old["created_at"] > now
    key = old["id"] if old else str(uuid.uuid5(uuid.NAMESPACE_URL, email))
    texts = (orjson.dumps(reserved).decode(), orjson.dumps(custom).decode())
    if is_new:
        store.run(
            "insert into contact values (?, ?, ?, ?, ?, ?) on conflict (id) do update set"
            " reserved = excluded.reserved, custom = excluded.custom,"
            " created_at = excluded.created_at, updated_at = excluded.updated_at",
            (key, email, *texts, now, now),
        )
    joined = sum(_join(store, list_id, key, now) for list_id in list_ids)
    if is_new:
        return "created"
    if before == (reserved, custom) and not joined:
        return None
    store.run("update contact set reserved = ?, custom = ?, updated_at = ? where id = ?", (*texts, now, key))
    return "updated"


def _join(store: Store, list_id: str, contact_id: str, now: int) -> int:
    return store.run(
        "insert into membership select ?, ?, ? where exists (select 1 from list where id = ?)"
        " on conflict (list_id, contact_id) do update set added_at = excluded.added_at"
        " where membership.added_at > excluded.added_at",
        (list_id, contact_id, now, list_id),
    )


def shown(store: Store, horizon: int, where: str = "true", parameters: Iterable[Any] = ()) -> list[Contact]:
    """Return contacts that exist at the horizon as the API shows them; `where` is trusted SQL over `c`."""
    names = {row["id"]: row["name"] for row in store.rows("select id, name from field")}
    rows = store.rows(SHOWN.format(where=where), (horizon, horizon, *parameters))
    return [_show(row, names) for row in rows]


def _show(row: Mapping[str, Any], names: Mapping[str, str]) -> Contact:
    reserved, custom = orjson.loads(row["reserved"]), orjson.loads(row["custom"])
    return {
        "id": row["id"],
        "email": row["email"],
        **{name: reserved.get(name, [] if name == "alternate_emails" else "") for name in RESERVED},
        "list_ids": row["lists"].split(",") if row["lists"] else [],
        "segment_ids": None,
        "custom_fields": {names[key]: value for key, value in custom.items() if key in names},
        "created_at": clocks.iso(row["created_at"]),
        "updated_at": clocks.iso(row["updated_at"]),
    }


def _fits(field_type: str, value: object) -> bool:
    match field_type:
        case "Number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "Date":
            return isinstance(value, str) and _moment(value) is not None
        case _:
            return isinstance(value, str) and len(value) <= MAX_TEXT


def _stored(field_type: str, value: Any) -> Any:
    moment = _moment(value) if field_type == "Date" else None
    return value if moment is None else f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def _moment(text: str) -> datetime | None:
    for read in (datetime.fromisoformat, lambda text: datetime.strptime(text, "%m/%d/%Y")):  # noqa: DTZ007
        try:
            moment = read(text)
        except ValueError:
            continue
        return moment if moment.tzinfo is None else moment.astimezone(UTC)
    return None
