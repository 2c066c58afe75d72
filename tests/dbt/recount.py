"""What the marts must hold, counted by walking through every day of every person; shares no code with the product."""

import hashlib
import unicodedata
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import idna

from tests.dbt.documents import CURRENCIES, OPT_IN_LISTS, SUPPRESSIONS, ZONES, Night

NAMESPACE = bytes.fromhex("6f1c2b7e4d0a4c58a3de5b9f71c08e24")
STAGES = ("prospect", "new", "active", "at_risk", "lapsed", "lost")
HOUSE_ZONE = "Europe/Zurich"
FIRST_BUSINESS_DAY = date(2000, 1, 1)
HORIZON = timedelta(days=130)
#: Rule set → days until at risk, lapsed, lost; the first one that covers a person counts.
RULESETS = {"companies": (10, 25, 60), "everybody": (21, 42, 90)}
#: As in the marketer's file; in order, for the first goes first of equal priorities.
AUDIENCES: dict[str, dict[str, Any]] = {
    "overdue": {
        "list": "Overdue",
        "stages": ["at_risk", "lapsed"],
        "priority": 50,
        "exclusive_group": "rescue",
        "holdout_share": 0.3,
        "fields": ["country", {"purchase_days": "DAYS_BOUGHT"}],
    },
    "repeaters": {
        "list": "Repeaters",
        "stages": ["at_risk", "lapsed", "lost"],
        "where": "orders > 3",
        "priority": 50,
        "exclusive_group": "rescue",
        "min_days_since_contact": 4,
    },
    "just_lapsed": {
        "list": "Just lapsed",
        "stages": ["lapsed"],
        "entered_within_days": 9,
        "priority": 60,
        "exclusive_group": "rescue",
        "holdout_share": 0.5,
    },
    "everybody": {"list": "Everybody", "stages": [*STAGES], "priority": 40, "fields": ["first_order_on"]},
    "buyers": {"list": "Buyers", "stages": [*STAGES[1:]], "priority": 40, "min_days_since_contact": 10},
    "groups": {"list": "Groups", "stages": [*STAGES], "priority": 99, "is_contact": False, "fields": ["stage"]},
}
CONTACT_CAP = {"contacts": 2, "days": 7}

#: from, to, day, cause, is it a win-back
Border = tuple[str | None, str, date, str, bool]
History = dict[date, str]


@dataclass
class Person:
    """What is known about one person; ``days`` holds gross and refunds of each purchase, in dollars if convertible."""

    email: str | None = None
    first_seen_on: date = date.max
    days: dict[tuple[str, date], list[tuple[Decimal, Decimal] | None]] = field(default_factory=dict)
    is_subscribed: bool = False
    companies: list[tuple[date, str, UUID]] = field(default_factory=list)

    @property
    def bought_on(self) -> list[date]:
        return sorted({day for _, day in self.days})

    @property
    def orders(self) -> int:
        return sum(map(len, self.days.values()))

    @property
    def revenue(self) -> Decimal:
        sums = (gross - back for orders in self.days.values() for gross, back in filter(None, orders))
        return sum(sums, Decimal(0))

    @property
    def account_id(self) -> UUID | None:
        return max(self.companies)[2] if self.companies else None

    @property
    def ruleset(self) -> str:
        return "companies" if self.companies else "everybody"


@dataclass(frozen=True)
class Version:
    """Whom a shop's customer was from one night to another."""

    identity: str
    person_id: UUID
    known_from: date
    known_to: date | None = None


@dataclass
class Stay:
    """A person's stay on a list, by run dates."""

    person_id: UUID
    list_name: str
    entered_on: date
    left_on: date | None = None


@dataclass
class Decision:
    """What was decided of a person in an audience, by run dates."""

    audience: str
    person_id: UUID
    outcome: str
    exclusion: str | None
    since_on: date
    until_on: date | None = None


@dataclass
class Kept:
    """What a delivery keeps from night to night."""

    stays: list[Stay] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    #: Message → the day on which it was first seen as delivered.
    delivered_on: dict[str, date] = field(default_factory=dict)

    def see(self, night: Night) -> None:
        """Notice what was delivered; a message that is opened later was delivered when it was."""
        for key, message in night.documents["sendgrid__messages"].items():
            if message["status"] == "delivered":
                day = _day(message["last_event_time"], HOUSE_ZONE)
                self.delivered_on[key] = min(day, self.delivered_on.get(key, day))

    def deliver(self, run_date: date, decided: "Decided") -> None:
        """A night carries out what was decided."""
        wanted = {
            (key, AUDIENCES[name]["list"]) for (name, key), (outcome, _) in decided.items() if outcome == "member"
        }
        for stay in self.stays:
            if stay.left_on is None and (stay.person_id, stay.list_name) not in wanted:
                stay.left_on = run_date
        standing = {(stay.person_id, stay.list_name) for stay in self.stays if stay.left_on is None}
        self.stays += [Stay(*place, run_date) for place in sorted(wanted - standing)]
        for decision in self.decisions:
            now = decided.get((decision.audience, decision.person_id))
            if decision.until_on is None and now != (decision.outcome, decision.exclusion):
                decision.until_on = run_date
        known = {(decision.audience, decision.person_id) for decision in self.decisions if decision.until_on is None}
        self.decisions += [Decision(*place, *now, run_date) for place, now in decided.items() if place not in known]


#: Audience, person → outcome, exclusion.
Decided = dict[tuple[str, UUID], tuple[str, str | None]]


@dataclass
class Counted:
    """A night's recount: people, orders that count for nobody, and histories by (rule set, person or account)."""

    night: Night
    people: dict[UUID, Person]
    unassigned: set[str]
    former: dict[UUID, set[str]]
    histories: dict[tuple[str, UUID], History] = field(default_factory=dict)
    borders: dict[tuple[str, UUID], list[Border]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for ruleset, key, first_seen_on, bought_on in self._subjects():
            history = dict(_walk(self.night, RULESETS[ruleset], first_seen_on, bought_on))
            self.histories[ruleset, key] = history
            self.borders[ruleset, key] = list(_borders(history, set(bought_on)))

    def _subjects(self) -> Iterator[tuple[str, UUID, date, list[date]]]:
        for key, person in self.people.items():
            for ruleset in RULESETS if person.companies else ("everybody",):
                yield ruleset, key, person.first_seen_on, person.bought_on
        for key, contacts in self.accounts().items():
            bought_on = sorted({day for contact in contacts for day in contact.bought_on})
            for ruleset in RULESETS:
                yield ruleset, key, min(contact.first_seen_on for contact in contacts), bought_on

    def accounts(self) -> dict[UUID, list[Person]]:
        """Company → its contacts."""
        contacts: dict[UUID, list[Person]] = defaultdict(list)
        for person in self.people.values():
            if person.account_id:
                contacts[person.account_id].append(person)
        return contacts

    def stage(self, key: UUID) -> str:
        """The stage that lists and reports use."""
        return self.histories[self.people[key].ruleset, key][self.night.run_date]

    def until(self, day: date) -> dict[tuple[str, UUID, date], tuple[str | None, str]]:
        """(Rule set, person or account, day) → the stages of each border up to that day."""
        return {
            (*subject, on): (start, end)
            for subject, borders in self.borders.items()
            for start, end, on, _, _ in borders
            if on <= day
        }


def uuid_of(name: str) -> UUID:
    """RFC 9562, appendix B.2."""
    digest = bytearray(hashlib.sha256(NAMESPACE + name.encode()).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x80
    digest[8] = digest[8] & 0x3F | 0x80
    return UUID(bytes=bytes(digest))


def _day(text: str, zone: str) -> date:
    return datetime.fromisoformat(text.removesuffix("Z")).replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).date()


def _one_form(email: str) -> str:
    local_part, at, domain = unicodedata.normalize("NFC", email.strip().lower()).rpartition("@")
    return local_part + at + (domain if domain.isascii() else idna.encode(domain, uts46=True).decode())


def _identity(email: str, shop: str, customer: int) -> str | None:
    """The name of whom a document is about."""
    if one_form := _one_form(email):
        return f"email:{one_form}"
    return f"shop:{shop}:customer:{customer}" if customer else None


def _address(identity: str) -> str | None:
    return identity.removeprefix("email:") if identity.startswith("email:") else None


def recount(night: Night, versions: dict[str, list[Version]]) -> Counted:
    """Everybody known on the run date; ``versions`` of the shops' customers are carried from night to night."""
    people: dict[UUID, Person] = defaultdict(Person)
    _read_customers(night, people, versions)
    unassigned = {
        key
        for key, order in night.documents["woocommerce__orders"].items()
        if not _read_order(night, people, key, order)
    }
    _read_provider(night, people)
    return Counted(night, dict(people), unassigned, _former(night, versions))


def _seen(night: Night, people: dict[UUID, Person], identity: str, day: date) -> Person:
    """The person whose fact this is, after merges."""
    survivor = night.merges.get(identity, identity)
    person = people[uuid_of(survivor)]
    person.first_seen_on = min(person.first_seen_on, day)
    if survivor == identity or not person.email:
        person.email = _address(identity) or person.email
    return person


def _read_customers(night: Night, people: dict[UUID, Person], versions: dict[str, list[Version]]) -> None:
    for key, customer in night.documents["woocommerce__customers"].items():
        shop = key.split("/")[0]
        identity = _identity(customer["email"], shop, customer["id"]) or ""
        _note_version(night, versions.setdefault(key, []), identity)
        registered_on = _day(customer["date_created_gmt"], ZONES[shop])
        if registered_on <= night.run_date and not customer.get("deleted"):
            person = _seen(night, people, identity, registered_on)
            for entry in customer["meta_data"]:
                if entry["key"] == "company":
                    person.companies.append((registered_on, key, uuid_of(f"account:{shop}:{entry['value']}")))


def _note_version(night: Night, known: list[Version], identity: str) -> None:
    """A customer who became somebody else is that from the night on that found it out."""
    now = Version(identity, uuid_of(night.merges.get(identity, identity)), night.run_date)
    if not known:
        known.append(now)
        return
    last = known[-1]
    if (identity, now.person_id) != (last.identity, last.person_id) and last.known_from <= night.run_date:
        known[-1] = replace(last, known_to=night.run_date)
        known.append(now)


def _former(night: Night, versions: dict[str, list[Version]]) -> dict[UUID, set[str]]:
    """Person → the identities that were theirs before."""
    former: dict[UUID, set[str]] = defaultdict(set)
    for merged, survivor in night.merges.items():
        former[uuid_of(survivor)].add(merged)
    for known in versions.values():
        *before, now = known
        former[now.person_id] |= {each.identity for each in before if uuid_of(each.identity) != now.person_id}
    return former


def _read_order(night: Night, people: dict[UUID, Person], key: str, order: dict[str, Any]) -> bool:
    """Take an order in if it is a fact; false if it counts for nobody."""
    shop = key.split("/", maxsplit=1)[0]
    day = _day(order["date_created_gmt"], ZONES[shop])
    is_test = shop == "ny" and order["payment_method"] == "bogus"
    if day > night.run_date or order["status"] == "trash" or order.get("deleted") or is_test:
        return True
    customer = night.documents["woocommerce__customers"].get(f"{shop}/{order['customer_id']}")
    address = (customer["email"].strip() if customer else "") or order["billing"]["email"]
    identity = _identity(address, shop, order["customer_id"])
    if identity is None or day < FIRST_BUSINESS_DAY:
        return False
    buyer = _seen(night, people, identity, day)
    back = -sum((Decimal(refund["total"]) for refund in order["refunds"]), Decimal(0))
    if _is_purchase(shop, order, back):
        rate = night.rate(order["currency"] or CURRENCIES[shop], day)
        money = (_cents(Decimal(order["total"]) * rate), _cents(back * rate)) if rate else None
        buyer.days.setdefault((shop, day), []).append(money)
    return True


def _is_purchase(shop: str, order: dict[str, Any], back: Decimal) -> bool:
    paid = {"completed", "processing"} if shop == "ny" else {"completed"}
    total = Decimal(order["total"])
    if order["status"] not in paid or total < 0 or (total > 0 and total <= back):
        return False
    return total > 0 or shop == "zh"


def _cents(money: Decimal) -> Decimal:
    return money.quantize(Decimal("0.01"), ROUND_HALF_UP)


def _read_provider(night: Night, people: dict[UUID, Person]) -> None:
    for stream in ("contacts", "list_members"):
        for key, contact in night.documents[f"sendgrid__{stream}"].items():
            day = _day(contact["created_at"], HOUSE_ZONE)
            counts = contact.get("list_name") in {None, OPT_IN_LISTS[key.split("/")[0]]}
            if day <= night.run_date and counts and not contact.get("deleted"):
                identity = f"email:{_one_form(contact['email'])}"
                known = _seen(night, people, identity, day)
                known.is_subscribed |= stream == "list_members" and identity not in night.merges


def _walk(
    night: Night, thresholds: tuple[int, int, int], first_seen_on: date, bought_on: list[date]
) -> Iterator[tuple[date, str]]:
    """The rule as the domain states it, day by day to well after the last border that time can bring."""
    for number in range((night.run_date + HORIZON - first_seen_on).days):
        day = first_seen_on + timedelta(days=number)
        purchases = bisect_right(bought_on, day)
        if not purchases:
            yield day, "prospect"
            continue
        age = (day - bought_on[purchases - 1]).days
        late = [stage for stage, after_days in zip(STAGES[3:], thresholds, strict=True) if age >= after_days]
        is_new = purchases == 1 and (night.max_days is None or age <= night.max_days)
        yield day, late[-1] if late else "new" if is_new else "active"


def _borders(history: History, bought_on: set[date]) -> Iterator[Border]:
    before = None
    for day, stage in history.items():
        if stage != before:
            bought = day in bought_on
            cause = "entry" if before is None else "purchase" if bought else "time"
            yield before, stage, day, cause, bought and before in {"lapsed", "lost"}
            before = stage


def consent(counted: Counted, key: UUID) -> tuple[str, str | None]:
    """State and basis; a refusal under a former address holds, a bounce there does not."""
    night, person = counted.night, counted.people[key]
    suppressed = {
        uuid_of(f"email:{_one_form(row['email'])}"): reason
        for stream, reason in SUPPRESSIONS.items()
        for row in night.documents[f"sendgrid__{stream}"].values()
    }
    if key in suppressed:
        return "refused", suppressed[key]
    former = {uuid_of(name) for name in counted.former.get(key, set())}
    if refusals := {suppressed[name] for name in former & suppressed.keys()} - {"bounce"}:
        return "refused", min(refusals)
    ticks = _ticks(night)
    if any(False in ticks.get(name, set()) for name in former | {key}):
        return "refused", "withdrawal"
    if person.is_subscribed:
        return "granted", "double_opt_in"
    if True in ticks.get(key, set()):
        return "granted", "shop_checkbox"
    return ("granted", "existing_customer") if person.days else ("unknown", None)


def _ticks(night: Night) -> dict[UUID, set[bool]]:
    """Identity → its checkboxes: a tick counts while the customer is known, a withdrawal always."""
    ticks: dict[UUID, set[bool]] = defaultdict(set)
    for key, customer in night.documents["woocommerce__customers"].items():
        shop = key.split("/")[0]
        is_known = _day(customer["date_created_gmt"], ZONES[shop]) <= night.run_date and not customer.get("deleted")
        for entry in customer["meta_data"]:
            if entry["key"] == "newsletter" and (entry["value"] == "no" or (entry["value"] == "yes" and is_known)):
                ticks[uuid_of(_identity(customer["email"], shop, customer["id"]) or "")].add(entry["value"] == "yes")
    return ticks


def is_plausible(email: str) -> bool:
    """Whether something could be an address, read from left to right."""
    local, at, domain = email.partition("@")
    odd = set(' \t\n",;<>@') & set(local + domain)
    return bool(
        at and not odd and 1 <= len(local) <= 64 and len(email) <= 254 and all(["." in domain, *domain.split(".")])
    )


def decisions(counted: Counted, late: set[tuple[Any, ...]], kept: Kept) -> Decided:
    """What is decided of everybody who matches an audience; ``late`` entries are rule set, person, stage and day."""
    decided: Decided = {}
    messages = _messages(counted.night, kept)
    for key, person in counted.people.items():
        names = [name for name, rule in AUDIENCES.items() if _matches(counted, late, key, rule)]
        refusal = _refusal(counted, key)
        contacts = _Contacts(counted.night.run_date, messages.get(person.email or "", []), _entries(kept, key))
        for name in sorted(names, key=lambda name: -AUDIENCES[name]["priority"]):  # which keeps the order of equal ones
            group = AUDIENCES[name].get("exclusive_group")
            outranked = group and any(
                AUDIENCES[other].get("exclusive_group") == group for other, at in decided if at == key
            )
            exclusion = refusal or ("lower priority" if outranked else None)
            is_held_out = _lot(name, key) < AUDIENCES[name].get("holdout_share", 0)
            if not exclusion and not _stands(kept, counted.night.run_date, name, key, is_held_out=is_held_out):
                exclusion = contacts.hindrance(AUDIENCES[name])
            decided[name, key] = (
                ("excluded", exclusion) if exclusion else ("holdout" if is_held_out else "member", None)
            )
        if any(decided[name, key][0] == "holdout" for name in names):
            decided |= {(name, key): ("excluded", "held out") for name in names if decided[name, key][0] == "member"}
    return decided


def _lot(audience: str, key: UUID) -> float:
    return int(hashlib.sha256(f"{audience}|{key}".encode()).hexdigest()[:8], 16) / 2**32


def _matches(counted: Counted, late: set[tuple[Any, ...]], key: UUID, rule: dict[str, Any]) -> bool:
    person, stage = counted.people[key], counted.stage(key)
    since = stage_since(counted, key)
    days = rule.get("entered_within_days")
    entered_in_time = days is None or (
        (counted.night.run_date - since).days <= days and (person.ruleset, key, stage, since) not in late
    )
    return stage in rule["stages"] and entered_in_time and (person.orders > 3 or "where" not in rule)


def stage_since(counted: Counted, key: UUID) -> date:
    """The first day of the stage of the run date."""
    history, day = counted.histories[counted.people[key].ruleset, key], counted.night.run_date
    while history.get(day - timedelta(days=1)) == history[day]:
        day -= timedelta(days=1)
    return day


def _refusal(counted: Counted, key: UUID) -> str | None:
    email, (state, basis) = counted.people[key].email, consent(counted, key)
    if not email or not is_plausible(email):
        return "invalid address" if email else "no address"
    if state == "refused":
        return "withdrawn" if basis == "withdrawal" else "suppressed"
    return None if state == "granted" else "no consent"


def _messages(night: Night, kept: Kept) -> dict[str, list[date]]:
    """Address → the days of the messages that reached it."""
    found: dict[str, list[date]] = defaultdict(list)
    for key, day in kept.delivered_on.items():
        found[_one_form(night.documents["sendgrid__messages"][key]["to_email"])].append(day)
    return found


def _entries(kept: Kept, key: UUID) -> list[date]:
    return [stay.entered_on for stay in kept.stays if stay.person_id == key and stay.list_name != "Groups"]


def _stands(kept: Kept, run_date: date, audience: str, key: UUID, *, is_held_out: bool) -> bool:
    """Whether the person was on the list before the run date, or was held out from it and still is."""
    on_list = any(
        (stay.person_id, stay.list_name) == (key, AUDIENCES[audience]["list"])
        and stay.entered_on < run_date
        and (stay.left_on is None or stay.left_on >= run_date)
        for stay in kept.stays
    )
    held_out = any(
        (decision.audience, decision.person_id, decision.outcome) == (audience, key, "holdout")
        and decision.since_on < run_date
        and (decision.until_on is None or decision.until_on >= run_date)
        for decision in kept.decisions
    )
    return on_list or (held_out and is_held_out)


@dataclass
class _Contacts:
    """A person's contacts up to the night before, and those that tonight adds, in order of importance."""

    run_date: date
    messages: list[date]
    entries: list[date]
    tonight: int = 0

    def _within(self, days: int) -> int:
        """How many in so many days, of which tonight is the last."""
        window = {self.run_date - timedelta(days=number) for number in range(1, days)}
        return max(sum(day in window for day in found) for found in (self.messages, self.entries))

    def hindrance(self, rule: dict[str, Any]) -> str | None:
        """Why the person can't come onto a list tonight; if nothing is in the way, that is one more contact."""
        if self._within(rule.get("min_days_since_contact", 0)):
            return "contacted recently"
        if not rule.get("is_contact", True):
            return None
        self.tonight += 1
        return "capped" if self._within(CONTACT_CAP["days"]) + self.tonight > CONTACT_CAP["contacts"] else None
