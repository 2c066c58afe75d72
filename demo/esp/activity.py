"""The part of the Email Activity query language that `/v3/messages` understands here.

`field="value"` and `last_event_time BETWEEN TIMESTAMP "…" AND TIMESTAMP "…"` (both ends included), joined by
AND.
"""

import re
from typing import Any

from demo.esp.refusal import Refusal
from demo.esp.store import Store
from lifecycle.testing import clock as clocks

FIELDS = ("to_email", "from_email", "subject", "status", "msg_id")
STATUSES = ("processed", "delivered", "not_delivered")
WINDOW = re.compile(
    r'\s*last_event_time\s+BETWEEN\s+TIMESTAMP\s+"([^"]*)"\s+AND\s+TIMESTAMP\s+"([^"]*)"\s*', re.IGNORECASE
)
EQUALS = re.compile(r'\s*(\w+)\s*=\s*"([^"]*)"\s*')
AND = re.compile(r"AND\b", re.IGNORECASE)

# One row per message: its latest state that is known at the horizon.
MESSAGES = """
    select msg_id, from_email, subject, to_email, status, opens_count, clicks_count, last_event_time
    from (select *, row_number() over (partition by msg_id order by last_event_time desc) as newness
          from message where last_event_time <= ?)
    where newness = 1 and {conditions}
    order by last_event_time desc, msg_id limit ?
"""


def messages(store: Store, query: str, limit: int, horizon: int) -> list[dict[str, Any]]:
    """Return the newest messages that match, newest first; raises Refusal(400) for bad syntax."""
    conditions, values = _conditions(query)
    rows = store.rows(MESSAGES.format(conditions=" and ".join(["true", *conditions])), (horizon, *values, limit))
    return [row | {"last_event_time": clocks.iso(row["last_event_time"])} for row in rows]


def _conditions(query: str) -> tuple[list[str], list[str | int]]:
    conditions: list[str] = []
    values: list[str | int] = []
    rest = query.strip()
    while rest:
        if window := WINDOW.match(rest):
            conditions.append("last_event_time between ? and ?")
            values.extend(_epoch(text) for text in window.groups())
            rest = rest[window.end() :]
        elif equals := EQUALS.match(rest):
            conditions.append(_equality(*equals.groups()))
            values.append(equals.group(2))
            rest = rest[equals.end() :]
        else:
            raise _invalid(f"unexpected input near '{rest[:20]}'")
        rest = _after_and(rest)
    return conditions, values


def _after_and(rest: str) -> str:
    if not rest:
        return rest
    joint = AND.match(rest)
    if joint is None or not rest[joint.end() :].strip():
        raise _invalid("expected AND and a further condition")
    return rest[joint.end() :]


def _equality(field: str, value: str) -> str:
    if field not in FIELDS:
        raise _invalid(f"'{field}' is not a known field")
    if field == "status" and value not in STATUSES:
        raise _invalid("not a known status")
    return f"lower({field}) = lower(?)" if field.endswith("email") else f"{field} = ?"


def _epoch(text: str) -> int:
    try:
        return int(clocks.parse(text).timestamp())
    except ValueError:
        raise _invalid("not a timestamp") from None


def _invalid(reason: str) -> Refusal:
    return Refusal(400, (None, f"invalid syntax: {reason}"))
