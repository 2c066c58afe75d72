"""Two shops and a provider with every awkward case in them, and what a night must make of it, counted by hand.

The recount walks through every day of every person and shares no code with the product.
"""

import hashlib
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

NAMESPACE = bytes.fromhex("6f1c2b7e4d0a4c58a3de5b9f71c08e24")
HOUSE = ZoneInfo("America/New_York")
ZONES = {"newyork": HOUSE, "zurich": ZoneInfo("Europe/Zurich")}
CURRENCIES = {"newyork": "USD", "zurich": "CHF"}
SUPPRESSIONS = ("bounces", "blocks", "spam_reports", "unsubscribes", "invalid_emails")
#: Addresses that look like some, and that the provider refuses; and such as can be none.
WRONG = ("a(b)@example.com", "c)d@example.com", "e(f@example.com")
IMPOSSIBLE = ("no-at-sign", "a@", "x y@example.com")

FIRST, BETWEEN, SECOND = date(2017, 11, 4), date(2017, 11, 5), date(2017, 11, 6)
DAYS_BACK = 220
#: Days of 23 or 25 hours in one of the zones.
UNEVEN_DAYS = (date(2017, 3, 26), date(2017, 10, 29), BETWEEN)

AT_RISK, LAPSED, LOST, NEW_AT_MOST = 14, 30, 60, 10
HOLDOUT = 0.3
LOST_LATELY = 20
LOYAL_FROM = 4
AUDIENCES: dict[str, dict[str, Any]] = {
    "prospects": {"list": "Town: prospects", "stages": ["prospect"]},
    "newcomers": {"list": "Town: newcomers", "stages": ["new"], "fields": ["last_product"]},
    "regulars": {"list": "Town: regulars", "stages": ["active"]},
    "loyal": {
        "list": "Town: loyal",
        "stages": ["active", "at_risk"],
        "where": f"orders >= {LOYAL_FROM}",
        "priority": 90,
    },
    "overdue": {"list": "Town: overdue", "stages": ["at_risk", "lapsed"], "holdout_share": HOLDOUT},
    "lost": {"list": "Town: lost", "stages": ["lost"], "entered_within_days": LOST_LATELY},
}
RULES = {
    "timezone": HOUSE.key,
    "currency": "USD",
    "shops": {
        shop: {
            "kind": "woocommerce",
            "connection": f"shop_{shop}",
            "timezone": zone.key,
            "currency": CURRENCIES[shop],
            "zero_value_orders_count": shop == "zurich",
            "consent_field": "newsletter",
        }
        for shop, zone in ZONES.items()
    },
    "esp": {"kind": "sendgrid", "connection": "provider", "opt_in_lists": ["Newsletter"]},
    "stages": {
        "rulesets": {
            "town": {
                "new": {"max_days": NEW_AT_MOST},
                "at_risk": {"after_days": AT_RISK},
                "lapsed": {"after_days": LAPSED},
                "lost": {"after_days": LOST},
            }
        }
    },
    "consent": {"existing_customers": True},
    "audiences": AUDIENCES,
    "guards": {"first_delivery_asks": False},
}

Document = dict[str, Any]


@dataclass(frozen=True)
class Contact:
    """A contact that somebody put in at the provider."""

    email: str
    created_at: datetime
    lists: tuple[str, ...] = ()


@dataclass(frozen=True)
class Scene:
    """Everything that shops and provider hold: documents by shop, contacts, (kind, address, moment)."""

    orders: Mapping[str, list[Document]]
    accounts: Mapping[str, list[Document]]
    contacts: list[Contact]
    suppressions: list[tuple[str, str, datetime]]

    def at(self, moments: Mapping[str, datetime]) -> "Scene":
        """What each shop and the provider (``esp``) show at a moment of their own."""
        esp = moments["esp"]
        return Scene(
            {shop: [d for d in listed if instant_of(d) <= moments[shop]] for shop, listed in self.orders.items()},
            {
                shop: [d for d in documents if instant_of(d) <= moments[shop]]
                for shop, documents in self.accounts.items()
            },
            [contact for contact in self.contacts if contact.created_at <= esp],
            [row for row in self.suppressions if row[2] <= esp],
        )


@dataclass
class Person:
    """What the recount knows about one identity; ``days`` holds the net sums in dollars of the orders of each day."""

    email: str | None
    first_seen_on: date = date.max
    days: dict[tuple[str, date], list[Decimal]] = field(default_factory=dict)
    ticks: set[bool] = field(default_factory=set)
    subscribed: bool = False

    @property
    def orders(self) -> int:
        return sum(map(len, self.days.values()))

    def stage(self, day: date) -> str:
        """The rule as a marketer would say it."""
        bought = sorted({purchase for _, purchase in self.days if purchase <= day})
        if not bought:
            return "prospect"
        age = (day - bought[-1]).days
        for stage, after_days in (("lost", LOST), ("lapsed", LAPSED), ("at_risk", AT_RISK)):
            if age >= after_days:
                return stage
        return "new" if len(bought) == 1 and age <= NEW_AT_MOST else "active"

    def history(self, until: date) -> dict[date, str]:
        days = (until - self.first_seen_on).days + 1
        return {day: self.stage(day) for day in (self.first_seen_on + timedelta(n) for n in range(days))}


def starts_at(day: date) -> datetime:
    """When the night of a day starts: in the small hours after it."""
    return datetime.combine(day + timedelta(days=1), time(3, 30), HOUSE)


# --- the town ----------------------------------------------------


def iso(instant: datetime) -> str:
    """As WooCommerce writes a moment: in UTC, without saying so."""
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds")


def instant_of(document: Document) -> datetime:
    return datetime.fromisoformat(document["date_created_gmt"]).replace(tzinfo=UTC)


def town(seed: int = 20171105, people: int = 120) -> Scene:
    """About five orders a person, some of them later than the first night."""
    dice = random.Random(seed)  # noqa: S311 - a reproducible town, no secret
    scene = Scene({shop: [] for shop in ZONES}, {shop: [] for shop in ZONES}, [], [])
    for number in range(1, people + 1):
        _move_in(dice, scene, number)
    for number, address in enumerate((*WRONG, *IMPOSSIBLE)):
        scene.orders["zurich"].append(order(dice, 7000 + number, address, starts_at(FIRST) - timedelta(days=3)))
        scene.orders["zurich"].append(order(dice, 7010 + number, address, starts_at(FIRST) - timedelta(days=5)))
    for number in range(4):
        scene.orders["newyork"].append(order(dice, 7030 + number, " ", _instant(dice)))
    for number, kind in enumerate((*SUPPRESSIONS, "group")):
        scene.suppressions.append((kind, f"Person{10 * number + 3}@example.com", _instant(dice) - timedelta(days=9)))
    scene.contacts.append(Contact("by-hand@example.com", _instant(dice) - timedelta(days=9), ("Town: regulars",)))
    return scene


def _move_in(dice: random.Random, scene: Scene, number: int) -> None:
    email = f"person{number}@example.com"
    for shop in dice.sample(list(ZONES), dice.choice([1, 1, 2])):
        has_account = dice.random() < 0.4
        if has_account:
            scene.accounts[shop].append(_account(dice, number, email))
        customer = number if has_account and dice.random() < 0.7 else 0
        for _ in range(dice.choice([0, 1, 1, 2, 4, 12])):
            key = 1 + sum(map(len, scene.orders.values()))
            scene.orders[shop].append(order(dice, key, email, _instant(dice), customer))
    if dice.random() < 0.35:
        lists = dice.choice([(), ("Newsletter",), ("Newsletter",)])
        scene.contacts.append(Contact(email, _instant(dice), lists))


def _instant(dice: random.Random) -> datetime:
    """Some time before the second night ends, often within an hour of a midnight, or on a day of 23 or 25 hours."""
    zone = dice.choice(list(ZONES.values()))
    if dice.random() < 0.05:
        day = dice.choice(UNEVEN_DAYS)
    else:
        day = SECOND - timedelta(days=int(DAYS_BACK * dice.random() ** 2))
    midnight = datetime.combine(day, time(), zone).astimezone(UTC)
    seconds = dice.randrange(-3600, 3600) if dice.random() < 0.3 else dice.randrange(86400)
    return midnight + timedelta(seconds=seconds)


def order(dice: random.Random, key: int, email: str, instant: datetime, customer: int = 0) -> Document:
    """One order in any state; an address as people write it."""
    total = Decimal(dice.choice(["0.00", "12.50", "40.10", "7.00", "99.95", "7.00"]))
    refunds = dice.choice([[], [], [], [], [], [], ["-1.00", "-2.25"], [f"-{total}"]]) if total else []
    states = ["completed"] * 9 + ["processing"] * 3 + ["cancelled", "failed", "pending", "refunded"]
    if email in WRONG + IMPOSSIBLE:
        states, total, refunds = ["completed"], Decimal("20.00"), []
    return {
        "id": key,
        "status": dice.choice(states),
        "currency": "",
        "customer_id": customer,
        "total": f"{total}",
        "billing": {"email": dice.choice([email, email.upper(), f"  {email} "]), "first_name": "Kim"},
        "date_created_gmt": iso(instant),
        "date_modified_gmt": iso(instant),
        "refunds": [{"id": place, "reason": "", "total": back} for place, back in enumerate(refunds, 1)],
        "line_items": [{"id": 1, "name": "Tea", "product_id": 1, "quantity": 1, "total": f"{total}"}],
    }


def _account(dice: random.Random, number: int, email: str) -> Document:
    ticks = [{"id": 1, "key": "newsletter", "value": dice.choice(["yes", "yes", "no", ""])}]
    return {
        "id": number,
        "email": email.title() if dice.random() < 0.9 else "",
        "date_created_gmt": iso(_instant(dice)),
        "meta_data": ticks if dice.random() < 0.5 else [],
    }


def changed(scene: Scene) -> Scene:
    """The second day's news: a late, a cancelled and a refunded order, a first one, and people who have enough."""
    dice = random.Random(2)  # noqa: S311 - as above
    now = starts_at(SECOND) - timedelta(hours=8)
    touched = {"date_modified_gmt": iso(now)}
    people = recount(scene.at(dict.fromkeys((*ZONES, "esp"), starts_at(FIRST))), FIRST)[0]
    regulars = sorted(who.email for who in people.values() if who.email and who.stage(FIRST) == "active")
    leavers = [email for email in regulars if email not in WRONG + IMPOSSIBLE][:3]
    orders = {shop: list(documents) for shop, documents in scene.orders.items()}
    paid = [place for place, each in enumerate(orders["newyork"]) if each["status"] == "completed"][:40:4]
    for place in paid[::2]:
        orders["newyork"][place] = orders["newyork"][place] | touched | {"status": "cancelled"}
    for place in paid[1::2]:
        each = orders["newyork"][place]
        back = [{"id": 8, "reason": "", "total": f"-{each['total']}"}]
        orders["newyork"][place] = each | touched | {"refunds": back}
    late = order(dice, 8001, regulars[4], now - timedelta(days=12)) | touched | {"status": "completed"}
    first = order(dice, 8002, "fresh@example.com", now) | {"status": "completed", "total": "5.00", "refunds": []}
    orders["zurich"] += [late, first]
    suppressions = [
        (kind, email, now) for kind, email in zip(("unsubscribes", "spam_reports", "group"), leavers, strict=True)
    ]
    return replace(scene, orders=orders, suppressions=[*scene.suppressions, *suppressions])


# --- the recount -------------------------------------------------


def person_id(identity: str) -> UUID:
    digest = bytearray(hashlib.sha256(NAMESPACE + identity.encode()).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x80
    digest[8] = digest[8] & 0x3F | 0x80
    return UUID(bytes=bytes(digest))


def _seen(people: dict[UUID, Person], shop: str, email: str, customer: int, day: date) -> Person | None:
    """The person whose fact this is; nobody's without an address and an account."""
    cleaned = email.strip().lower()
    if not cleaned and not customer:
        return None
    identity = f"email:{cleaned}" if cleaned else f"shop:{shop}:customer:{customer}"
    person = people.setdefault(person_id(identity), Person(cleaned or None))
    person.first_seen_on = min(person.first_seen_on, day)
    return person


def recount(scene: Scene, run_date: date) -> tuple[dict[UUID, Person], set[str]]:
    """Everybody known on the run date, and the orders that belong to nobody."""
    people: dict[UUID, Person] = {}
    unassigned = set()
    for shop, zone in ZONES.items():
        accounts = {}
        for account in scene.accounts[shop]:
            accounts[account["id"]] = account["email"]
            day = instant_of(account).astimezone(zone).date()
            if day <= run_date:
                _seen(people, shop, account["email"], account["id"], day)
        for each in scene.orders[shop]:
            day = instant_of(each).astimezone(zone).date()
            if day > run_date:
                continue
            email = accounts.get(each["customer_id"]) or each["billing"]["email"]
            buyer = _seen(people, shop, email, each["customer_id"], day)
            if buyer is None:
                unassigned.add(f"{shop}/{each['id']}")
            elif (net := _net(shop, each)) is not None:
                buyer.days.setdefault((shop, day), []).append(net)
    _subscribe(scene, run_date, people)
    _read_ticks(scene, run_date, people)
    return people, unassigned


def _net(shop: str, each: Document) -> Decimal | None:
    """What an order brought in dollars, nothing where there is no rate; ``None`` if it is no purchase."""
    total = Decimal(each["total"])
    back = -sum((Decimal(refund["total"]) for refund in each["refunds"]), Decimal(0))
    is_gone = total > 0 and back >= total
    counts = total > 0 or shop == "zurich"
    if each["status"] not in {"completed", "processing"} or not counts or is_gone:
        return None
    return total - back if CURRENCIES[shop] == RULES["currency"] else Decimal(0)


def _subscribe(scene: Scene, run_date: date, people: dict[UUID, Person]) -> None:
    for contact in scene.contacts:
        day = contact.created_at.astimezone(HOUSE).date()
        if day <= run_date and (known := _seen(people, "", contact.email, 0, day)):
            known.subscribed |= "Newsletter" in contact.lists


def _read_ticks(scene: Scene, run_date: date, people: dict[UUID, Person]) -> None:
    """A tick counts once the account is known; a withdrawal counts at once."""
    for shop, zone in ZONES.items():
        for account in scene.accounts[shop]:
            email = account["email"].strip().lower()
            identity = f"email:{email}" if email else f"shop:{shop}:customer:{account['id']}"
            owner = people.get(person_id(identity))
            is_known = instant_of(account).astimezone(zone).date() <= run_date
            for tick in account["meta_data"]:
                if owner and (tick["value"] == "no" or (tick["value"] == "yes" and is_known)):
                    owner.ticks.add(tick["value"] == "yes")


def contactable(scene: Scene, people: Mapping[UUID, Person]) -> dict[UUID, Person]:
    """Those who may be written to."""
    suppressed = {email.lower() for _, email, _ in scene.suppressions}
    return {
        key: who
        for key, who in people.items()
        if who.email
        and who.email not in suppressed
        and who.email not in IMPOSSIBLE
        and False not in who.ticks
        and (who.subscribed or True in who.ticks or who.days)
    }


def members(
    scene: Scene,
    people: Mapping[UUID, Person],
    run_date: date,
    before: tuple[Mapping[UUID, Person], date] = ({}, date.min),
) -> Iterator[tuple[str, UUID, bool]]:
    """(audience, person, held out) of everybody who belongs there; ``before``: who stood where the night before."""
    for key, who in contactable(scene, people).items():
        stage = who.stage(run_date)
        is_fresh = _has_just_entered(who, run_date, before[0].get(key), before[1])
        is_held_out = {}
        for audience, rule in AUDIENCES.items():
            fits = stage in rule["stages"] and ("where" not in rule or who.orders >= LOYAL_FROM)
            if fits and (is_fresh or "entered_within_days" not in rule):
                lot = int(hashlib.sha256(f"{audience}|{key}".encode()).hexdigest()[:8], 16) / 2**32
                is_held_out[audience] = lot < rule.get("holdout_share", 0.0)
        is_left_alone = any(is_held_out.values())
        yield from (
            (audience, key, is_left_alone) for audience in is_held_out if is_held_out[audience] == is_left_alone
        )


def _has_just_entered(who: Person, run_date: date, known: Person | None, known_on: date) -> bool:
    """Whether the stage began at most ``LOST_LATELY`` days ago, and not in a past that was believed to be another."""
    since = run_date
    while since > who.first_seen_on and who.stage(since - timedelta(days=1)) == who.stage(run_date):
        since -= timedelta(days=1)
    is_late = since <= known_on and (known is None or _border(known, since) != _border(who, since))
    return since >= run_date - timedelta(days=LOST_LATELY) and not is_late


def _border(who: Person, day: date) -> tuple[str | None, str | None]:
    """The stages on the day before and on that day; none before the person was known."""
    days = (day - timedelta(days=1), day)
    before, after = (who.stage(each) if each >= who.first_seen_on else None for each in days)
    return before, after
