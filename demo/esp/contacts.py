"""Contacts: what an upsert changes, and how a contact is shown.

Custom fields are keyed by id (`e1_T`) on write and in the store, and by name when shown.
"""

import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from demo.esp.store import Store
from lifecycle.testing import clock as clocks

IDENTIFIERS = ("email", "external_id", "phone_number_id", "anonymous_id")
RESERVED = (
    "first_name", "last_name", "alternate_emails", "address_line_1", "address_line_2", "city",
    "state_province_region", "postal_code", "country", "phone_number", "whatsapp", "line", "facebook",
    "unique_name", *IDENTIFIERS[1:],
)  # fmt: skip

SHOWN = """
    select c.*, (select group_concat(m.list_id) from {seen}membership m
                 where m.contact_id = c.id and m.added_at <= ?) as lists
    from {seen}contact c where c.created_at <= ? and {where}
"""

Contact = dict[str, Any]


def address(contact: Contact) -> str:
    """Return the address of a contact as it is kept; an empty text where there is none."""
    return str(contact.get("email") or "").strip().lower()


def custom_fields(contact: Contact) -> Mapping[str, Any]:
    """Return the custom fields of a contact as it was sent, by their ids."""
    return contact.get("custom_fields") or {}


def field_types(store: Store) -> dict[str, str]:
    """Return the type of each custom field by its id."""
    return {row["id"]: row["field_type"] for row in store.rows("select id, field_type from field")}


def find(store: Store, contact: Contact) -> dict[str, Any] | None:
    """Return the row of the contact that has one of these identifiers, the address first."""
    if email := address(contact):
        row = store.row("select * from contact where email = ?", (email,))
        if row is not None:
            return row
    for name in IDENTIFIERS[1:]:
        if value := contact.get(name):
            where = f"email is null and json_extract(reserved, '$.{name}') = ?"
            row = store.row(f"select * from contact where {where}", (value,))  # noqa: S608 - names are ours
            if row is not None:
                return row
    return None


def upsert(
    store: Store,
    contact: Contact,
    old: Mapping[str, Any] | None,
    list_ids: Iterable[str],
    types: Mapping[str, str],
    now: int,
) -> str | None:
    """Merge one contact into the row that `find` has for it: given fields replace, omitted ones stay, lists only add.

    Returns `created` or `updated`, or None where nothing changed.
    """
    email = address(contact) or None
    reserved = orjson.loads(old["reserved"]) if old else {}
    custom = orjson.loads(old["custom"]) if old else {}
    before = (dict(reserved), dict(custom))
    reserved.update({name: contact[name] for name in RESERVED if contact.get(name) is not None})
    for key, value in custom_fields(contact).items():
        custom[key] = None if value is None else _stored(types[key], value)
    custom = {key: value for key, value in custom.items() if value is not None}
    is_new = old is None or old["created_at"] > now
    key = old["id"] if old else str(uuid.uuid4())
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
    changed = "email = coalesce(email, ?), reserved = ?, custom = ?, updated_at = ?"
    store.run(f"update contact set {changed} where id = ?", (email, *texts, now, key))  # noqa: S608 - no value
    return "updated"


def _join(store: Store, list_id: str, contact_id: str, now: int) -> int:
    return store.run(
        "insert into membership select ?, ?, ? where exists (select 1 from list where id = ?)"
        " on conflict (list_id, contact_id) do update set added_at = excluded.added_at"
        " where membership.added_at > excluded.added_at",
        (list_id, contact_id, now, list_id),
    )


def shown(
    store: Store, horizon: int, where: str = "true", parameters: Iterable[Any] = (), seen: str = ""
) -> list[Contact]:
    """Return contacts that exist at the horizon as the API shows them; `where` is trusted SQL over `c`.

    `seen` begins the names of the tables that are read.
    """
    names = {row["id"]: row["name"] for row in store.rows("select id, name from field")}
    rows = store.rows(SHOWN.format(where=where, seen=seen), (horizon, horizon, *parameters))
    return [_show(row, names) for row in rows]


def _show(row: Mapping[str, Any], names: Mapping[str, str]) -> Contact:
    reserved, custom = orjson.loads(row["reserved"]), orjson.loads(row["custom"])
    # A contact that has only another identifier has no address: segmentio/action-destinations#2032.
    email = {} if row["email"] is None else {"email": row["email"]}
    return {
        "id": row["id"],
        **email,
        **{name: reserved.get(name, [] if name == "alternate_emails" else "") for name in RESERVED},
        "list_ids": row["lists"].split(",") if row["lists"] else [],
        "segment_ids": None,
        "custom_fields": {names[key]: value for key, value in custom.items() if key in names},
        "created_at": clocks.iso(row["created_at"]),
        "updated_at": clocks.iso(row["updated_at"]),
    }


def _stored(field_type: str, value: Any) -> Any:
    at = moment(value) if field_type == "Date" else None
    return value if at is None else f"{at:%Y-%m-%dT%H:%M:%SZ}"


def moment(text: str) -> datetime | None:
    """Read a date as SendGrid does; None where it is none."""
    for read in (datetime.fromisoformat, lambda text: datetime.strptime(text, "%m/%d/%Y")):  # noqa: DTZ007
        try:
            read_moment = read(text)
        except ValueError:
            continue
        return read_moment if read_moment.tzinfo is None else read_moment.astimezone(UTC)
    return None
