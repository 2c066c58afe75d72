"""Random histories of two shops and two providers: what each night finds in ``raw`` and seeds, and how it is cut."""

import hashlib
import random
from collections import defaultdict
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from hypothesis import strategies as st

NAMESPACE = bytes.fromhex("6f1c2b7e4d0a4c58a3de5b9f71c08e24")
SHOPS = {"zh": ("Europe/Zurich", "CHF"), "ny": ("America/New_York", "USD")}
ORDERS, CUSTOMERS = "woocommerce__orders", "woocommerce__customers"
CONTACTS, MEMBERS = "sendgrid__contacts", "sendgrid__list_members"
#: Provider → its list that needs a confirmed subscription.
OPT_IN_LISTS = {"esp": "Newsletter", "news": "Other"}
STREAMS = (ORDERS, CUSTOMERS, CONTACTS, MEMBERS)
BEGIN = date(2024, 3, 1)
DAYS_BEFORE = 200
#: How far ahead a cut build may be dated.
DAYS_AHEAD = 400

Document = dict[str, Any]


@dataclass(frozen=True)
class Landed:
    """One document as it comes into ``raw``."""

    stream: str
    id: str
    doc: Document
    is_deleted: bool


@dataclass(frozen=True)
class Facts:
    """What comes before a build: batches that land one after the other, and the seeds as they then are."""

    batches: list[list[Landed]]
    rates: dict[tuple[str, date], Decimal]
    merges: dict[UUID, UUID]


@dataclass(frozen=True)
class Cut:
    """A build that ends after a share of the models; it may be a later date's, or a full refresh."""

    share: float
    seed: int
    days_later: int
    is_full_refresh: bool


@dataclass(frozen=True)
class Night:
    """A build that is finished, so many days after the one before, and those before it that are cut."""

    gap: int
    cuts: list[Cut]
    events: int


@dataclass(frozen=True)
class History:
    """Nights in order; at ``compared``, one in the middle, one looks more closely."""

    seed: int
    people: int
    nights: list[Night]
    compared: int

    def town(self) -> "Town":
        """The town before the first night."""
        return Town(random.Random(self.seed), self.people)  # noqa: S311


@dataclass
class Town:
    """The shops and the provider as they are now, and what has changed since somebody looked."""

    dice: random.Random
    people: int
    today: date = BEGIN
    documents: dict[str, dict[str, Document]] = field(default_factory=lambda: defaultdict(dict))
    deleted: set[tuple[str, str]] = field(default_factory=set)
    rates: dict[tuple[str, date], Decimal] = field(default_factory=dict)
    merges: dict[UUID, UUID] = field(default_factory=dict)
    changes: dict[tuple[str, str], list[Landed]] = field(default_factory=lambda: defaultdict(list))
    numbers: int = 0

    def number(self) -> int:
        self.numbers += 1
        return self.numbers

    def address(self) -> str:
        return f"person{self.dice.randint(1, self.people)}@example.com"

    def some(self, stream: str) -> str | None:
        return self.dice.choice(list(self.documents[stream])) if self.documents[stream] else None

    def put(self, stream: str, key: str, document: Document) -> None:
        self.documents[stream][key] = document
        self.changes[stream, key].append(Landed(stream, key, deepcopy(document), (stream, key) in self.deleted))

    def instant(self, first: int, last: int) -> str:
        """An instant so many days from today, often close to a midnight of one of the shops."""
        start = datetime(self.today.year, self.today.month, self.today.day, tzinfo=UTC)
        hours = self.dice.choice([self.dice.uniform(0, 24), 4.0, 3.99, 5.0, 22.0, 21.99, 23.0])
        moment = start + timedelta(days=self.dice.randint(first, last), hours=hours)
        return moment.replace(tzinfo=None).isoformat(timespec="seconds")


# --- what can happen ---------------------------------------------


def order(town: Town, first: int, last: int) -> None:
    shop = town.dice.choice(list(SHOPS))
    key = f"{shop}/{town.number()}"
    number = _customer_number(town, shop) if town.dice.random() < 0.5 else 0
    document = {
        "customer_id": number,
        "status": town.dice.choice(["completed"] * 7 + ["processing", "cancelled", "pending", "trash"]),
        "payment_method": town.dice.choice(["card"] * 9 + ["test"]),
        "currency": town.dice.choice([SHOPS[shop][1]] * 6 + ["CHF", "USD", "EUR", ""]),
        "billing": {"email": town.address() if town.dice.random() < 0.95 else ""},
        "total": town.dice.choice(["0.00", "10.00", "19.90", "45.05"]),
        "refunds": [],
        "line_items": [{"product_id": town.dice.randint(1, 3), "name": "Tea", "total": "5.00"}],
        "date_created_gmt": town.instant(first, last),
    }
    town.put(ORDERS, key, document)


def _customer_number(town: Town, shop: str) -> int:
    """A customer of the shop's, known or not yet."""
    known = [int(key.split("/")[1]) for key in town.documents[CUSTOMERS] if key.startswith(shop)]
    return town.dice.choice([*known, town.numbers + 5])


def new_order(town: Town) -> None:
    order(town, *town.dice.choice([(0, 0), (-2, 0), (-2, 0), (-10, 0), (-60, -5), (-200, -60), (1, 25)]))


def changed_order(town: Town) -> None:
    key = town.some(ORDERS)
    if key is None:
        return
    old = town.documents[ORDERS][key]
    fields: list[Document] = [
        {"refunds": [{"total": f"-{old['total']}"}]},
        {"refunds": [{"total": "-1.00"}, {"total": "-0.50"}]},
        {"refunds": []},
        {"status": "cancelled"},
        {"status": "completed"},
        {"status": "trash"},
        {"customer_id": _customer_number(town, key.split("/")[0])},
        {"customer_id": 0},
        {"billing": {"email": town.address()}},
        {"billing": {"email": ""}},
        {"currency": town.dice.choice(["CHF", "USD", "EUR"])},
        {"total": town.dice.choice(["0.00", "7.77", "120.00"])},
        {"date_created_gmt": town.instant(-90, 3)},
        {"payment_method": "test"},
    ]
    town.put(ORDERS, key, {**old, **town.dice.choice(fields)})


def new_customer(town: Town) -> None:
    key = f"{town.dice.choice(list(SHOPS))}/{town.number()}"
    document = {
        "id": int(key.split("/")[1]),
        "email": town.address() if town.dice.random() < 0.85 else "",
        "date_created_gmt": town.instant(*town.dice.choice([(-2, 0), (-90, 0), (1, 25)])),
        "meta_data": _company(town) if town.dice.random() < 0.5 else [],
    }
    town.put(CUSTOMERS, key, document)


def _company(town: Town) -> list[Document]:
    return [{"key": "company", "value": f"C{town.dice.randint(1, 4)}"}]


def changed_customer(town: Town) -> None:
    key = town.some(CUSTOMERS)
    if key is None:
        return
    fields: list[Document] = [
        {"email": town.address()},
        {"email": town.address()},
        {"email": f"moved{town.number()}@example.com"},
        {"email": ""},
        {"meta_data": _company(town)},
        {"meta_data": _company(town)},
        {"meta_data": []},
        {"date_created_gmt": town.instant(-60, 10)},
    ]
    town.put(CUSTOMERS, key, {**town.documents[CUSTOMERS][key], **town.dice.choice(fields)})


def new_contact(town: Town) -> None:
    stream = town.dice.choice([CONTACTS, MEMBERS])
    created_at = town.instant(*town.dice.choice([(-2, 0), (-90, 0), (1, 25)])) + "Z"
    document = {"email": town.address(), "created_at": created_at}
    if stream == MEMBERS:
        document |= {"list_name": town.dice.choice(["Newsletter", "Newsletter", "Other"])}
    town.put(stream, f"{town.dice.choice(list(OPT_IN_LISTS))}/{town.number()}", document)


def changed_contact(town: Town) -> None:
    stream = town.dice.choice([CONTACTS, MEMBERS])
    if key := town.some(stream):
        town.put(stream, key, {**town.documents[stream][key], "email": town.address()})


def deletion(town: Town) -> None:
    """A document goes, or one that is gone comes back."""
    stream = town.dice.choice(STREAMS)
    gone = sorted(town.deleted) if town.dice.random() < 0.5 else []
    key = town.some(stream)
    if gone:
        stream, key = town.dice.choice(gone)
    if key:
        town.deleted ^= {(stream, key)}
        town.put(stream, key, town.documents[stream][key])


def merge(town: Town) -> None:
    """Two persons become one; who survives is not merged into somebody else."""
    person, survivor = (person_id(f"email:{town.address()}") for _ in range(2))
    is_chained = person in town.merges.values() or survivor in town.merges
    if person != survivor and not is_chained:
        town.merges[person] = survivor


def split(town: Town) -> None:
    if town.merges:
        del town.merges[town.dice.choice(list(town.merges))]


def rate(town: Town) -> None:
    """A currency has a rate from some day on, has another one, or has none any more."""
    known = list(town.rates)
    if known and town.dice.random() < 0.3:
        del town.rates[town.dice.choice(known)]
    else:
        day = town.today - timedelta(days=town.dice.choice([0, 10, 40, 150]))
        begins = town.dice.choice([*known, ("USD", day), ("EUR", day), ("USD", day)])
        town.rates[begins] = Decimal(town.dice.randint(50, 150)) / 100


EVENTS: dict[Callable[[Town], None], int] = {
    new_order: 12,
    changed_order: 14,
    new_customer: 3,
    changed_customer: 5,
    new_contact: 3,
    changed_contact: 2,
    deletion: 4,
    merge: 2,
    split: 1,
    rate: 1,
}


# --- nights ------------------------------------------------------


def facts(town: Town, events: int) -> Facts:
    """So much happens; what changed lands in any order, now and then in an earlier state first, or unchanged again."""
    for event in town.dice.choices(list(EVENTS), list(EVENTS.values()), k=events):
        event(town)
    batches: list[list[Landed]] = [[], [], []]
    changes = list(town.changes.values())
    town.dice.shuffle(changes)
    for states in changes:
        last = town.dice.randrange(len(batches))
        batches[last].append(states[-1])
        if last and town.dice.random() < 0.4:
            batches[town.dice.randrange(last)].append(town.dice.choice(states))
    town.changes.clear()
    return Facts(batches, dict(town.rates), dict(town.merges))


def first_facts(town: Town) -> Facts:
    """What has come together before there was any night."""
    for _ in range(town.people // 2):
        new_customer(town)
        new_contact(town)
    for _ in range(town.people * 5):
        order(town, -DAYS_BEFORE, 3)
    return facts(town, town.people)


CUTS = st.builds(
    Cut,
    share=st.sampled_from([0.5, 0.1, 0.2, 0.3, 0.4, 0.6, 0.7, 0.8, 0.9]),
    seed=st.integers(0, 99),
    days_later=st.sampled_from([0, 0, DAYS_AHEAD]),
    is_full_refresh=st.sampled_from([False, False, False, True]),
)
NIGHTS = st.builds(
    Night, gap=st.integers(1, 30), cuts=CUTS.map(lambda cut: [cut]) | st.just([]), events=st.sampled_from([40, 8, 0])
)
#: Without the simplest one, which hypothesis would try first each time.
HISTORIES = st.builds(
    History,
    seed=st.integers(0, 2**32),
    people=st.integers(25, 40),
    nights=st.lists(NIGHTS, min_size=3, max_size=3),
    compared=st.integers(0, 1),
).filter(lambda history: history.seed != 0)


def person_id(name: str) -> UUID:
    """The name-based UUIDv8 with SHA-256 of RFC 9562."""
    digest = bytearray(hashlib.sha256(NAMESPACE + name.encode()).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x80
    digest[8] = digest[8] & 0x3F | 0x80
    return UUID(bytes=bytes(digest))
