"""Who is to be on which list, and how much may change in a night before somebody is asked."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from lifecycle.settings.section import Days, Name, Section, Stage

FieldType = Literal["Text", "Number", "Date"]

#: The columns of ``marts.customers`` that an audience may push as a custom field, with their type there.
CUSTOMER_COLUMNS: dict[str, FieldType] = {
    "stage": "Text",
    "stage_since": "Date",
    "previous_stage": "Text",
    "next_stage": "Text",
    "next_transition_on": "Date",
    "first_seen_on": "Date",
    "first_order_on": "Date",
    "last_order_on": "Date",
    "orders": "Number",
    "purchase_days": "Number",
    "revenue": "Number",
    "average_order_value": "Number",
    "recency_days": "Number",
    "r_score": "Number",
    "f_score": "Number",
    "m_score": "Number",
    "vip": "Text",
    "engagement": "Text",
    "last_product": "Text",
    "last_category": "Text",
    "ruleset": "Text",
    "expected_next_order_on": "Date",
    "p_alive": "Number",
    "expected_purchases_365": "Number",
    "expected_revenue_365": "Number",
    "account_stage": "Text",
    "account_stage_since": "Date",
}
#: What greets a person. The provider has fields of its own for it, so these names have no prefix.
GREETING_COLUMNS: dict[str, FieldType] = {
    "first_name": "Text",
    "last_name": "Text",
    "country": "Text",
    "language": "Text",
}
PUSHABLE_COLUMNS = CUSTOMER_COLUMNS | GREETING_COLUMNS
#: What every contact carries, whatever its audiences.
STANDARD_COLUMNS = ("stage", "stage_since", "previous_stage", "orders", "revenue", "last_order_on")
FIELD_PREFIX = "lifecycle_"
#: As SendGrid wants it, the strictest of the providers (twilio.com/docs/sendgrid/ui/managing-contacts/custom-fields).
FIELD_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}", re.ASCII)
#: What a custom field can't be called: SendGrid's reserved fields, by the same page and its API, and Brevo's own.
RESERVED_NAMES = frozenset({
    "first_name", "last_name", "email", "alternate_emails", "phone_number", "phone_number_id", "whatsapp",
    "line", "facebook", "unique_name", "external_id", "anonymous_id", "address_line_1", "address_line_2",
    "city", "state_province_region", "postal_code", "country", "contact_id", "created_at", "updated_at",
    "list_ids", "segment_ids", "custom_fields", "sms", "ext_id",
})  # fmt: skip
#: The custom field that says whether a segment may hold the contact.
CONTACTABLE_FIELD = FIELD_PREFIX + "contactable"


class Contactable(StrEnum):
    """The words of ``CONTACTABLE_FIELD``; ``marts.contact_fields`` writes the first two, the plan the last one."""

    YES = "contactable"
    HELD_OUT = "held out"
    NO = "not contactable"


#: What is left of a contact that may not be written to, in JSON.
NOT_CONTACTABLE = json.dumps({CONTACTABLE_FIELD: Contactable.NO})


def field_name(column: str) -> str:
    """What a column is called at the provider, unless the file says otherwise."""
    return column if column in GREETING_COLUMNS else FIELD_PREFIX + column


def named_fields(entries: object) -> object:
    """Column → name at the provider, of a mapping of both, or of a list of columns and of such mappings."""
    if not isinstance(entries, Mapping | list | tuple):
        return entries  # which is no mapping, as the type's own message says
    pairs = [pair for entry in ([entries] if isinstance(entries, Mapping) else entries) for pair in _pairs(entry)]
    problems = [*_column_problems(column for column, _ in pairs), *_name_problems(pairs)]
    if problems:
        raise ValueError("; ".join(problems))
    return {column: name or field_name(column) for column, name in pairs}


def _pairs(entry: object) -> list[tuple[Any, Any]]:
    return [*entry.items()] if isinstance(entry, Mapping) else [(entry, None)]


def _column_problems(columns: Iterable[Any]) -> Iterable[str]:
    for column, count in Counter(map(str, columns)).items():
        if column not in PUSHABLE_COLUMNS:
            yield f"{column!r} is not a column that can be pushed; valid values: {', '.join(PUSHABLE_COLUMNS)}"
        elif count > 1:
            yield f"{column} is named {count} times; once is right"


def _name_problems(pairs: Iterable[tuple[Any, Any]]) -> Iterable[str]:
    for column, name in pairs:
        if name is None or name == field_name(column):
            continue
        if not isinstance(name, str) or not FIELD_NAME.fullmatch(name):
            yield f"{column}: {name!r} can't be a field's name; use up to 100 letters, digits and _, and no digit first"
        elif name.lower() in RESERVED_NAMES or name.lower().startswith(FIELD_PREFIX):
            yield f"{column}: the name {name!r} is taken, by the provider or by a field of ours; choose another one"


FieldNames = Annotated[dict[str, str], BeforeValidator(named_fields)]
StageNames = Annotated[list[Stage], Field(min_length=1)]
Count = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(gt=0, le=1)]


class Limits(Section):
    """How much may change in one night; shares count from ``Guards.from_members`` on, and ``null`` means no limit."""

    max_created: Count | None = None
    max_created_share: Share | None = None
    max_added: Count | None = None
    max_added_share: Share | None = None
    max_removed: Count | None = None
    max_removed_share: Share | None = None


class AudienceLimits(Limits):
    """The limits for one list; any that an audience sets itself goes before the one for every list."""

    max_added: Count | None = 50_000
    max_added_share: Share | None = 1.0
    max_removed: Count | None = 20_000
    max_removed_share: Share | None = 0.5
    stop_if_emptied_from: Annotated[int, Field(ge=1)] | None = 100


class OverallLimits(Limits):
    """The limits for all lists together, and for contacts that are new at the provider."""

    max_created: Count | None = 100_000
    max_created_share: Share | None = 0.5
    max_added: Count | None = 200_000
    max_removed: Count | None = 50_000
    max_removed_share: Share | None = 0.5


class Guards(Section):
    """Limits that stop a plan before the first call, until a person has approved it."""

    from_members: Annotated[int, Field(ge=1)] = 1000
    audience: AudienceLimits = AudienceLimits()
    overall: OverallLimits = OverallLimits()
    suppressions_max_age_days: Annotated[int, Field(ge=0)] = 2
    suppressions_may_be_empty: bool = False
    first_delivery_asks: bool = True
    approve_within_hours: Annotated[int, Field(ge=1, le=24 * 7)] = 12

    def of(self, audience: "Audience") -> AudienceLimits:
        """The limits of one audience: its own before those of every list."""
        own = audience.guards
        limits = {name: getattr(own, name) for name in own.model_fields_set} if own else {}
        return self.audience.model_copy(update=limits)


class Requests(Section):
    """How long the provider may leave an import pending, and how old a plan may be that is sent; both in hours."""

    pending_hours: Annotated[float, Field(gt=0, le=24 * 7)] = 6.0
    plan_hours: Annotated[float, Field(gt=0, le=24 * 8)] = 24.0


class DriftLimits(Section):
    """From which share of missing, extra and different contacts a list that is read back warns, and fails the night."""

    warning_share: Annotated[float, Field(ge=0, le=1)] | None = 0.01
    critical_share: Annotated[float, Field(ge=0, le=1)] | None = 0.1
    from_members: Annotated[int, Field(ge=1)] = 100


class ContactCap(Section):
    """At most ``contacts`` with a person in ``days`` days, over all audiences."""

    contacts: Annotated[int, Field(ge=1)]
    days: Days


class Audience(Section):
    """Who is on one list of the provider."""

    list: Annotated[str, Field(min_length=1, max_length=100)]
    description: str = ""
    stages: StageNames
    where: str | None = None
    entered_within_days: Days | None = None
    priority: Annotated[int, Field(ge=0, le=1000)] = 50
    exclusive_group: Name | None = None
    is_contact: bool = True
    min_days_since_contact: Days | None = None
    holdout_share: Annotated[float, Field(ge=0, lt=1)] = 0.0
    fields: FieldNames = Field(default={})
    guards: AudienceLimits | None = None


class Destination(Section):
    """Where the lists go, if not to the provider that is read."""

    kind: str
    connection: str
