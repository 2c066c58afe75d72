"""The marts after real builds, against a recount that walks through every day of every person."""

import hashlib
import json
import os
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import psycopg
import pytest
from dbt.artifacts.schemas.run import RunExecutionResult
from dbt.cli.main import dbtRunner
from psycopg import sql
from psycopg.rows import dict_row

PROJECT = Path(__file__).parents[2] / "dbt_project"
NAMESPACE = bytes.fromhex("6f1c2b7e4d0a4c58a3de5b9f71c08e24")
STAGES = ("prospect", "new", "active", "at_risk", "lapsed", "lost")
ZONES = {"ny": "America/New_York", "zh": "Europe/Zurich", "nz": "Pacific/Auckland"}
CURRENCIES = {"ny": "USD", "zh": "CHF", "nz": "USD"}
HOUSE_ZONE = "Europe/Zurich"
SUPPRESSIONS = {"bounces": "bounce", "spam_reports": "spam_report", "unsubscribes": "unsubscribe"}
HORIZON = timedelta(days=130)

pytestmark = pytest.mark.dbt

Documents = dict[str, dict[str, dict[str, Any]]]


@dataclass(frozen=True)
class Night:
    """One build: the day, the rules and the documents that lie in raw."""

    run_date: date
    max_days: int | None
    by: str
    documents: Documents

    @property
    def variables(self) -> dict[str, Any]:
        shops = {
            name: {
                "kind": "woocommerce",
                "connection": name,
                "timezone": zone,
                "currency": CURRENCIES[name],
                "paid_statuses": ["completed", "processing"] if name == "ny" else ["completed"],
                "zero_value_orders_count": name == "zh",
                "consent_field": "newsletter",
            }
            for name, zone in ZONES.items()
        }
        audience = {
            "list": "Overdue",
            "description": "",
            "stages": ["at_risk", "lapsed"],
            "holdout_share": 0.3,
        }
        lifecycle = {
            "timezone": HOUSE_ZONE,
            "currency": "USD",
            "shops": shops,
            "esp": {"kind": "sendgrid", "connection": "sendgrid", "opt_in_lists": ["Newsletter"]},
            "stages": {
                "ruleset": "test",
                "new": {"max_days": self.max_days},
                "at_risk": {"after_days": 21},
                "lapsed": {"after_days": 42},
                "lost": {"after_days": 90},
            },
            "vip": {"share": 0.1, "by": self.by},
            "engagement": {"engaged_days": 90},
            "consent": {"existing_customers": True},
            "audiences": {"overdue": {**audience, "fields": ["country"]}},
        }
        return {"run_date": self.run_date.isoformat(), "lifecycle": lifecycle}


@dataclass
class Person:
    """What the recount knows about one identity."""

    email: str | None
    first_seen_on: date = date.max
    days: dict[tuple[str, date], list[tuple[Decimal, Decimal] | None]] = field(default_factory=dict)
    ticks: set[bool] = field(default_factory=set)
    subscribed: bool = False

    @property
    def purchase_days(self) -> list[date]:
        return sorted({day for _, day in self.days})

    @property
    def orders(self) -> int:
        return sum(len(orders) for orders in self.days.values())

    @property
    def revenue(self) -> Decimal:
        house = [orders for (shop, _), orders in self.days.items() if CURRENCIES[shop] == "USD"]
        return sum((gross - back for orders in house for gross, back in filter(None, orders)), Decimal(0))


# --- documents ---------------------------------------------------


def _iso(instant: datetime) -> str:
    return instant.replace(tzinfo=None).isoformat(timespec="seconds")


def _instant(dice: random.Random) -> datetime:
    """Some time in 2017, often within an hour of a midnight in one of the shops' zones."""
    day = datetime(2017, 1, 1, tzinfo=UTC) + timedelta(days=dice.randrange(330))
    if dice.random() < 0.6:
        return day + timedelta(seconds=dice.randrange(86400))
    zone = ZoneInfo(dice.choice(list(ZONES.values())))
    midnight = day.replace(tzinfo=zone)
    return (midnight + timedelta(seconds=dice.randrange(-3600, 3600))).astimezone(UTC)


def _written(dice: random.Random, email: str) -> str:
    return dice.choice([email, email.upper(), f" {email.title()}\t", f"\u00a0{email}\n"])


def _order(dice: random.Random, number: int, email: str, customer: int) -> dict[str, Any]:
    total = Decimal(dice.choice(["0.00", "12.50", "40.10", "7.00", "7.00"]))
    refunds = [f"-{total}"] if dice.random() < 0.08 else ["-1.00", "-2.25"] if dice.random() < 0.08 else []
    return {
        "id": number,
        "status": dice.choice(["completed"] * 8 + ["processing", "cancelled", "pending", "trash", "refunded"]),
        "currency": dice.choice(["USD"] * 9 + ["EUR"]),
        "customer_id": customer,
        "total": str(total),
        "billing": {"email": _written(dice, email) if dice.random() < 0.95 else ""},
        "date_created_gmt": _iso(_instant(dice)),
        "refunds": [{"id": position, "total": back} for position, back in enumerate(refunds)],
        "line_items": [],
    }


def _account(dice: random.Random, number: int, email: str) -> dict[str, Any]:
    ticks = [{"key": "newsletter", "value": dice.choice(["yes", "no", ""])}] if dice.random() < 0.3 else []
    address = _written(dice, email) if dice.random() < 0.9 else ""
    return {"id": number, "email": address, "date_created_gmt": _iso(_instant(dice)), "meta_data": ticks}


def _documents(dice: random.Random, people: int) -> Documents:
    """Orders, accounts, contacts and suppressions of so many people in three shops; some only subscribe."""
    found: Documents = defaultdict(dict)
    for number in range(1, people + 1):
        email = f"person{number}@example.com"
        shops = dice.sample(list(ZONES), dice.randint(1, 2))
        for shop in shops:
            has_account = dice.random() < 0.5
            if has_account:
                found["woocommerce__customers"][f"{shop}/{number}"] = _account(dice, number, email)
            for _ in range(dice.choice([0, 1, 1, 2, 3, 8])):
                order = len(found["woocommerce__orders"]) + 1
                customer = number if has_account or dice.random() < 0.1 else 0
                found["woocommerce__orders"][f"{shop}/{order}"] = _order(dice, order, email, customer)
        if dice.random() < 0.2:
            contact = {"contact_id": f"c{number}", "email": email, "created_at": _iso(_instant(dice)) + "Z"}
            found["sendgrid__contacts"][f"esp/c{number}"] = contact
            if dice.random() < 0.5:
                member = contact | {"list_id": "l", "list_name": dice.choice(["Newsletter", "Other"])}
                found["sendgrid__list_members"][f"esp/l/c{number}"] = member
        if dice.random() < 0.1:
            stream = dice.choice(list(SUPPRESSIONS))
            row = {"created": 1500000000, "email": email.upper()}
            found[f"sendgrid__{stream}"][f"esp/{email}/1500000000"] = row
    return found


def _changed(dice: random.Random, before: Documents) -> Documents:
    """The same documents some nights later: late orders, refunds of old ones, new states, and a few gone."""
    orders = {key: dict(order) for key, order in before["woocommerce__orders"].items()}
    for key in dice.sample(sorted(orders), 60):
        change = dice.randrange(4)
        if change == 0:
            orders[key]["refunds"] = [{"id": 9, "total": f"-{orders[key]['total']}"}]
        elif change == 1:
            orders[key]["status"] = dice.choice(["cancelled", "completed"])
        elif change == 2:
            orders[key]["deleted"] = True
        else:
            del orders[key]
    for number in range(5001, 5101):
        email = f"person{dice.randint(1, 260)}@example.com"
        orders[f"{dice.choice(list(ZONES))}/{number}"] = _order(dice, number, email, 0)
    return {**before, "woocommerce__orders": orders}


# --- the recount -------------------------------------------------


def _day(text: str, zone: str) -> date:
    return datetime.fromisoformat(text.removesuffix("Z")).replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).date()


def _uuid(name: str) -> UUID:
    digest = bytearray(hashlib.sha256(NAMESPACE + name.encode()).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x80
    digest[8] = digest[8] & 0x3F | 0x80
    return UUID(bytes=bytes(digest))


def _identity(email: str, shop: str, customer: int) -> tuple[str, str | None] | None:
    if cleaned := email.strip().lower():
        return f"email:{cleaned}", cleaned
    return (f"shop:{shop}:customer:{customer}", None) if customer else None


def _is_purchase(shop: str, order: dict[str, Any], back: Decimal) -> bool:
    paid = {"completed", "processing"} if shop == "ny" else {"completed"}
    total = Decimal(order["total"])
    if order["status"] not in paid or (total > 0 and total <= back):
        return False
    return total > 0 or shop == "zh"


def _recount(night: Night) -> tuple[dict[UUID, Person], set[str]]:
    """Every person known on the run date, and the orders that belong to nobody."""
    people: dict[UUID, Person] = {}
    addresses = _read_accounts(night, people)
    unassigned = {
        key
        for key, order in night.documents["woocommerce__orders"].items()
        if not _read_order(night, people, addresses, key, order)
    }
    _read_contacts(night, people)
    _read_checkboxes(night, people)
    return people, unassigned


def _seen(people: dict[UUID, Person], identity: str, email: str | None, day: date) -> Person:
    person = people.setdefault(_uuid(identity), Person(email))
    person.first_seen_on = min(person.first_seen_on, day)
    return person


def _read_accounts(night: Night, people: dict[UUID, Person]) -> dict[str, str]:
    """Take the accounts known on the run date in; return their addresses by shop and number."""
    addresses = {}
    for key, account in night.documents["woocommerce__customers"].items():
        shop = key.split("/")[0]
        registered_on = _day(account["date_created_gmt"], ZONES[shop])
        if registered_on <= night.run_date:
            addresses[key] = account["email"].strip()
            identity, email = _identity(account["email"], shop, account["id"]) or ("", None)
            _seen(people, identity, email, registered_on)
    return addresses


def _read_order(
    night: Night,
    people: dict[UUID, Person],
    addresses: dict[str, str],
    key: str,
    order: dict[str, Any],
) -> bool:
    """Take an order in if it is a fact; false if it belongs to nobody."""
    shop = key.split("/", maxsplit=1)[0]
    day = _day(order["date_created_gmt"], ZONES[shop])
    if day > night.run_date or order["status"] == "trash" or order.get("deleted"):
        return True
    address = addresses.get(f"{shop}/{order['customer_id']}") or order["billing"]["email"]
    found = _identity(address, shop, order["customer_id"])
    if found is None:
        return False
    buyer = _seen(people, *found, day)
    back = -sum((Decimal(refund["total"]) for refund in order["refunds"]), Decimal(0))
    if _is_purchase(shop, order, back):
        money = (Decimal(order["total"]), back) if order["currency"] == CURRENCIES[shop] else None
        buyer.days.setdefault((shop, day), []).append(money)
    return True


def _read_contacts(night: Night, people: dict[UUID, Person]) -> None:
    for stream in ("contacts", "list_members"):
        for contact in night.documents[f"sendgrid__{stream}"].values():
            day = _day(contact["created_at"], HOUSE_ZONE)
            if day <= night.run_date and contact.get("list_name") != "Other":
                known = _seen(people, f"email:{contact['email']}", contact["email"], day)
                known.subscribed |= stream == "list_members"


def _read_checkboxes(night: Night, people: dict[UUID, Person]) -> None:
    """A tick counts once the account is known; a withdrawal counts at once."""
    for key, account in night.documents["woocommerce__customers"].items():
        shop = key.split("/")[0]
        identity, _ = _identity(account["email"], shop, account["id"]) or ("", None)
        owner = people.get(_uuid(identity))
        is_known = _day(account["date_created_gmt"], ZONES[shop]) <= night.run_date
        for tick in account["meta_data"]:
            if owner and (tick["value"] == "no" or (tick["value"] == "yes" and is_known)):
                owner.ticks.add(tick["value"] == "yes")


def _stage(person: Person, day: date, max_days: int | None) -> str:
    """The rule as the domain states it, for one day."""
    bought = [purchase for purchase in person.purchase_days if purchase <= day]
    if not bought:
        return "prospect"
    age = (day - bought[-1]).days
    for stage, after_days in (("lost", 90), ("lapsed", 42), ("at_risk", 21)):
        if age >= after_days:
            return stage
    return "new" if len(bought) == 1 and (max_days is None or age <= max_days) else "active"


def _history(person: Person, night: Night) -> dict[date, str]:
    """Day → stage, from the first sight to well after the last border that time can bring."""
    days = (night.run_date + HORIZON - person.first_seen_on).days
    every_day = (person.first_seen_on + timedelta(days=number) for number in range(days))
    return {day: _stage(person, day, night.max_days) for day in every_day}


def _transitions(history: dict[date, str], person: Person) -> Iterator[tuple[str | None, str, date, str, bool]]:
    before = None
    for day, stage in history.items():
        if stage != before:
            bought = day in person.purchase_days
            cause = "entry" if before is None else "purchase" if bought else "time"
            yield before, stage, day, cause, bought and before in {"lapsed", "lost"}
            before = stage


def _consent(person: Person, suppressions: dict[str, str]) -> tuple[str, str | None]:
    if person.email in suppressions:
        return "refused", suppressions[person.email]
    if False in person.ticks:
        return "refused", "withdrawal"
    if person.subscribed:
        return "granted", "double_opt_in"
    if True in person.ticks:
        return "granted", "shop_checkbox"
    return ("granted", "existing_customer") if person.days else ("unknown", None)


# --- the builds --------------------------------------------------


def _land(connection: psycopg.Connection, schema: str, night: Night, loaded_at: str) -> None:
    """Replace raw's tables; only a document that changed gets the new ``loaded_at``."""
    for stream, documents in night.documents.items():
        table = sql.Identifier(schema, stream)
        connection.execute(
            sql.SQL("""
            create table if not exists {} (
                id text primary key, source text, cursor_at timestamptz, doc jsonb,
                loaded_at timestamptz, is_deleted boolean
            )""").format(table)
        )
        statement = sql.SQL("""
            insert into {table} values (%s, %s, null, %s, %s, %s) on conflict (id) do update
            set doc = excluded.doc, loaded_at = excluded.loaded_at, is_deleted = excluded.is_deleted
            where {table}.doc is distinct from excluded.doc""").format(table=table)
        rows = [
            (key, key.split("/")[0], json.dumps(document), loaded_at, document.get("deleted", False))
            for key, document in documents.items()
        ]
        connection.cursor().executemany(statement, rows)
        connection.execute(sql.SQL("delete from {} where not id = any(%s)").format(table), [list(documents)])


def _environment(database_url: str, prefix: str, folder: Path) -> dict[str, str]:
    parts = urlsplit(database_url)
    return {
        "DBT_HOST": parts.hostname or "",
        "DBT_PORT": str(parts.port),
        "DBT_USER": parts.username or "",
        "DBT_PASSWORD": parts.password or "",
        "DBT_DBNAME": parts.path.lstrip("/"),
        "DBT_SCHEMA_PREFIX": prefix,
        "DBT_TARGET_PATH": str(folder),
        "DBT_LOG_PATH": str(folder),
    }


def _build(night: Night) -> None:
    """Models and data tests together: the data tests must hold for any history."""
    arguments = [
        "build",
        "--exclude-resource-type",
        "unit_test",
        "--quiet",
        "--vars",
        json.dumps(night.variables),
    ]
    result = dbtRunner().invoke([*arguments, "--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT)])
    nodes = result.result.results if isinstance(result.result, RunExecutionResult) else []
    assert result.success, result.exception or [row.node.name for row in nodes if row.status in {"error", "fail"}]


def _nights() -> list[Night]:
    dice = random.Random(20171105)  # noqa: S311
    first = _documents(dice, people=200)
    second = _changed(dice, first)
    return [
        Night(date(2017, 9, 24), None, "revenue", first),
        Night(date(2017, 11, 5), 10, "orders", second),
        Night(date(2017, 6, 30), None, "revenue", second),
    ]


@dataclass(frozen=True)
class Built:
    """What one night left: the recount, and every mart as rows."""

    night: Night
    people: dict[UUID, Person]
    unassigned: set[str]
    marts: dict[str, list[dict[str, Any]]]


MARTS = (
    "persons",
    "purchase_days",
    "stage_intervals",
    "stage_transitions",
    "stage_daily",
    "customers",
    "audience_members",
    "contact_fields",
    "unassigned_orders",
)


@contextmanager
def _scratch_schemas(connection: psycopg.Connection, prefix: str) -> Iterator[None]:
    connection.execute(sql.SQL("create schema {}").format(sql.Identifier(f"{prefix}raw")))
    try:
        yield
    finally:
        for schema in ("raw", "staging", "intermediate", "marts", "seeds"):
            name = sql.Identifier(prefix + schema)
            connection.execute(sql.SQL("drop schema if exists {} cascade").format(name))


def _read_marts(connection: psycopg.Connection, schema: str) -> dict[str, list[dict[str, Any]]]:
    cursor = connection.cursor(row_factory=dict_row)
    statements = {name: sql.SQL("select * from {}").format(sql.Identifier(schema, name)) for name in MARTS}
    return {name: cursor.execute(statement).fetchall() for name, statement in statements.items()}


@pytest.fixture(scope="module")
def built(new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Built]]:
    """Three builds on top of each other: a night, one with changed documents and rules, and a backfill."""
    prefix = f"recount_{uuid4().hex[:8]}_"
    done = []
    database_url = new_database()
    with pytest.MonkeyPatch.context() as patch, psycopg.connect(database_url, autocommit=True) as connection:
        for name, value in _environment(database_url, prefix, tmp_path_factory.mktemp("dbt")).items():
            patch.setitem(os.environ, name, value)
        with _scratch_schemas(connection, prefix):
            for number, night in enumerate(_nights()):
                _land(connection, f"{prefix}raw", night, f"2018-01-0{number + 1}T00:00:00Z")
                _build(night)
                done.append(Built(night, *_recount(night), _read_marts(connection, f"{prefix}marts")))
            yield done


def test_persons_are_those_known_on_the_run_date(built: list[Built]) -> None:
    for night in built:
        rows = {row["person_id"]: (row["email"], row["first_seen_on"]) for row in night.marts["persons"]}
        assert rows == {key: (person.email, person.first_seen_on) for key, person in night.people.items()}
        assert {row["order_id"] for row in night.marts["unassigned_orders"]} == night.unassigned


def test_purchase_days_add_up_orders_and_money(built: list[Built]) -> None:
    for night in built:
        expected = {}
        for key, person in night.people.items():
            for (shop, day), orders in person.days.items():
                gross, back = (sum((money[side] for money in orders if money), Decimal(0)) for side in (0, 1))
                expected[key, shop, day] = (CURRENCIES[shop], len(orders), gross, back, gross - back)
        columns = ("currency", "orders", "gross", "refunded", "net")
        rows = night.marts["purchase_days"]
        assert {(r["person_id"], r["shop"], r["business_day"]): tuple(r[c] for c in columns) for r in rows} == expected


def test_intervals_give_the_stage_of_every_day(built: list[Built]) -> None:
    for night in built:
        found: dict[UUID, dict[date, str]] = {key: {} for key in night.people}
        end = night.night.run_date + HORIZON
        for row in night.marts["stage_intervals"]:
            days = ((row["valid_to"] or end) - row["valid_from"]).days
            for number in range(days):
                day = row["valid_from"] + timedelta(days=number)
                assert day not in found[row["person_id"]]
                found[row["person_id"]][day] = row["stage"]
        assert found == {key: _history(person, night.night) for key, person in night.people.items()}


def test_transitions_are_the_changes_from_day_to_day(built: list[Built]) -> None:
    for night in built:
        columns = ("from_stage", "to_stage", "occurred_on", "cause", "is_win_back")
        found = {(row["person_id"], *(row[column] for column in columns)) for row in night.marts["stage_transitions"]}
        expected = {
            (key, *change)
            for key, person in night.people.items()
            for change in _transitions(_history(person, night.night), person)
        }
        assert found == expected
        for row in night.marts["stage_transitions"]:
            name = f"{row['person_id']}|{row['occurred_on']}|{row['to_stage']}"
            assert row["transition_id"] == _uuid(name)


def test_daily_counts_are_the_heads_counted_each_day(built: list[Built]) -> None:
    for night in built:
        heads: Counter[tuple[date, str]] = Counter()
        for person in night.people.values():
            heads.update(item for item in _history(person, night.night).items() if item[0] <= night.night.run_date)
        first = min(person.first_seen_on for person in night.people.values())
        days = [first + timedelta(days=number) for number in range((night.night.run_date - first).days + 1)]
        found = {(row["day"], row["stage"]): row["persons"] for row in night.marts["stage_daily"]}
        assert found == {(day, stage): heads[day, stage] for day in days for stage in STAGES}


def test_customers_stand_as_on_the_run_date(built: list[Built]) -> None:
    for night in built:
        rules = night.night
        buyers = [person for person in night.people.values() if person.days]
        values = [getattr(person, rules.by) for person in buyers]
        for row in night.marts["customers"]:
            person = night.people[row["person_id"]]
            assert row["stage"] == _stage(person, rules.run_date, rules.max_days)
            assert (row["orders"], row["revenue"]) == (person.orders, person.revenue)
            better = sum(value >= getattr(person, rules.by) for value in values)
            assert row["vip"] is bool(person.days and better / len(buyers) <= 0.1)
            assert row["as_of"] == rules.run_date
        assert len(night.marts["customers"]) == len(night.people)


def test_only_contactable_persons_are_in_audiences(built: list[Built]) -> None:
    for night in built:
        suppressed = {
            row["email"].lower(): reason
            for stream, reason in SUPPRESSIONS.items()
            for row in night.night.documents[f"sendgrid__{stream}"].values()
        }
        consent = {key: _consent(person, suppressed) for key, person in night.people.items()}
        rows = night.marts["persons"]
        assert {row["person_id"]: (row["consent_state"], row["consent_basis"]) for row in rows} == consent
        contactable = {key for key, person in night.people.items() if person.email and consent[key][0] == "granted"}
        assert {row["person_id"] for row in night.marts["contact_fields"]} == contactable
        overdue = {
            key
            for key in contactable
            if _stage(night.people[key], night.night.run_date, night.night.max_days) in {"at_risk", "lapsed"}
        }
        assert {row["person_id"] for row in night.marts["audience_members"]} == overdue


def test_the_lot_of_a_held_out_person_never_changes(built: list[Built]) -> None:
    for night in built:
        for row in night.marts["audience_members"]:
            lot = int(hashlib.sha256(f"overdue|{row['person_id']}".encode()).hexdigest()[:8], 16) / 2**32
            assert row["is_holdout"] is (lot < 0.3)
