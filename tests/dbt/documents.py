"""What three shops and two providers hold, with every awkward case in it, and what becomes of it some nights later."""

import random
import unicodedata
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import idna

ZONES = {"ny": "America/New_York", "zh": "Europe/Zurich", "nz": "Pacific/Auckland"}
CURRENCIES = {"ny": "USD", "zh": "CHF", "nz": "USD"}
SUPPRESSIONS = {"bounces": "bounce", "spam_reports": "spam_report", "unsubscribes": "unsubscribe"}
#: Provider → its list that needs a confirmed subscription. The other one's list of that name doesn't count.
OPT_IN_LISTS = {"esp": "Newsletter", "news": "Other"}
COMPANIES = 25
#: Half of them are none.
ODD_ADDRESSES = (
    "o'neill+news@mail.example.com",
    f"{'x' * 64}@example.com",
    f"{'x' * 65}@example.com",
    "jo@localhost",
    "jo doe@example.com",
    "jo@doe@example.com",
    "<jo@example.com>",
    "jörg@bücher.example",
)
#: One address, of which the provider knows one form.
TWO_FORMS = ("eve@müller.example", "eve@xn--mller-kva.example")
#: Days before which messages are sent.
LAST_DAYS = (date(2017, 7, 4), date(2017, 9, 28), date(2017, 11, 7))

Documents = dict[str, dict[str, dict[str, Any]]]


@dataclass(frozen=True)
class Night:
    """One build: the day, the rules, the seeds, and the documents that lie in raw.

    ``rates`` are (currency, first day, rate), ``merges`` map an identity's name to the survivor's.
    """

    run_date: date
    documents: Documents
    max_days: int | None = None
    by: str = "revenue"
    rates: tuple[tuple[str, date, Decimal], ...] = ()
    merges: dict[str, str] = field(default_factory=dict)

    def rate(self, currency: str, day: date) -> Decimal | None:
        """What one unit of the currency was worth in dollars on that day."""
        if currency == "USD":
            return Decimal(1)
        begun = [(first, rate) for name, first, rate in self.rates if name == currency and first <= day]
        return max(begun)[1] if begun else None


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
    """An address as people write it, or as machines encode it."""
    forms = [email, email.upper(), f" {email.title()}\t", f"\u00a0{email}\n"]
    if not email.isascii():
        local_part, _, domain = email.partition("@")
        forms += [unicodedata.normalize("NFD", email), f"{local_part}@{idna.encode(domain).decode().upper()}"]
    return dice.choice(forms)


def _order(dice: random.Random, number: int, email: str, customer: int) -> dict[str, Any]:
    total = Decimal(dice.choice(["0.00", "12.50", "40.10", "7.00", "7.05", "-3.00"]))
    refunds = [f"-{total}"] if dice.random() < 0.08 else ["-1.00", "-2.25"] if dice.random() < 0.08 else []
    mistaken = dice.choice(["1970-01-01T00:00:00", "2099-12-31T23:59:59"]) if dice.random() < 0.02 else ""
    return {
        "id": number,
        "status": dice.choice(["completed"] * 8 + ["processing", "cancelled", "pending", "trash", "refunded"]),
        "payment_method": dice.choice(["card"] * 20 + ["bogus"]),
        "currency": dice.choice(["USD"] * 5 + ["CHF"] * 3 + ["EUR", ""]),
        "customer_id": customer,
        "total": str(total),
        "billing": {"email": _written(dice, email) if dice.random() < 0.95 else ""},
        "date_created_gmt": mistaken or _iso(_instant(dice)),
        "refunds": [{"id": position, "total": back} for position, back in enumerate(refunds) if total > 0],
        "line_items": [],
    }


def _customer(dice: random.Random, number: int, email: str) -> dict[str, Any]:
    fields = [{"key": "newsletter", "value": dice.choice(["yes", "no", ""])}] if dice.random() < 0.3 else []
    if dice.random() < 0.4:
        fields.append({"key": "company", "value": f"c{dice.randint(1, COMPANIES)}"})
    address = _written(dice, email) if dice.random() < 0.9 else ""
    return {"id": number, "email": address, "date_created_gmt": _iso(_instant(dice)), "meta_data": fields}


def documents(dice: random.Random, people: int) -> Documents:
    """Orders, customers, contacts and suppressions of so many people in three shops; some only subscribe."""
    content: Documents = defaultdict(dict)
    for number in range(1, people + 1):
        email = f"person{number}@example.com"
        for shop in dice.sample(list(ZONES), dice.randint(1, 2)):
            has_account = dice.random() < 0.5
            if has_account:
                content["woocommerce__customers"][f"{shop}/{number}"] = _customer(dice, number, email)
            for _ in range(dice.choice([0, 1, 1, 2, 3, 8])):
                order = len(content["woocommerce__orders"]) + 1
                customer = number if has_account or dice.random() < 0.1 else 0
                content["woocommerce__orders"][f"{shop}/{order}"] = _order(dice, order, email, customer)
        provider = "news" if number % 3 == 0 else "esp"
        if dice.random() < 0.2:
            contact = {"contact_id": f"c{number}", "email": email, "created_at": _iso(_instant(dice)) + "Z"}
            content["sendgrid__contacts"][f"{provider}/c{number}"] = contact
            if dice.random() < 0.5:
                member = contact | {"list_id": "l", "list_name": dice.choice(["Newsletter", "Other"])}
                content["sendgrid__list_members"][f"{provider}/l/c{number}"] = member
        if dice.random() < 0.15:
            stream = dice.choice(list(SUPPRESSIONS))
            row = {"created": 1500000000, "email": email.upper()}
            content[f"sendgrid__{stream}"][f"{provider}/{email}/1500000000"] = row
    for address in (*ODD_ADDRESSES, *ODD_ADDRESSES, *TWO_FORMS):
        order = len(content["woocommerce__orders"]) + 1
        content["woocommerce__orders"][f"zh/{order}"] = _order(dice, order, address, 0) | {"status": "completed"}
    content["sendgrid__unsubscribes"]["esp/two_forms"] = {"created": 1500000000, "email": TWO_FORMS[1]}
    content["sendgrid__messages"] = {message_key(number): _message(dice, people) for number in range(people * 4)}
    return content


def message_key(number: int) -> str:
    """The providers number their messages alike."""
    return f"{[*OPT_IN_LISTS][number % 2]}/m{number // 2}"


def _message(dice: random.Random, people: int) -> dict[str, Any]:
    """A message of some day up to two weeks before one of the last days, often close to the house's midnight."""
    midnight = datetime.combine(dice.choice(LAST_DAYS), datetime.min.time(), ZoneInfo("Europe/Zurich"))
    sent_at = (midnight - timedelta(days=dice.randint(1, 14))).astimezone(UTC)
    sent_at += timedelta(seconds=dice.choice([-1, 0, dice.randrange(86400)]))
    return {
        "to_email": _written(dice, f"person{dice.randint(1, people)}@example.com"),
        "status": dice.choice(["delivered"] * 4 + ["processed", "not_delivered"]),
        "last_event_time": _iso(sent_at) + "Z",
    }


def changed(dice: random.Random, before: Documents, first_number: int) -> Documents:
    """The same documents some nights later; the orders that came in late are numbered from ``first_number`` on."""
    orders = {key: dict(order) for key, order in before["woocommerce__orders"].items()}
    for key in dice.sample(sorted(orders), 25):
        _change_order(dice, orders[key])
    for number in range(first_number, first_number + 20):
        email = f"person{dice.randint(1, 220)}@example.com"
        orders[f"{dice.choice(list(ZONES))}/{number}"] = _order(dice, number, email, 0)
    customers = {key: dict(customer) for key, customer in before["woocommerce__customers"].items()}
    for key in dice.sample(sorted(customers), 15):
        _change_customer(dice, customers[key])
    shop = dice.choice(list(ZONES))
    customers[f"{shop}/{first_number}"] = _customer(dice, first_number, f"person{dice.randint(1, 220)}@example.com")
    contacts = _with_some_deleted(dice, before["sendgrid__contacts"])
    members = _with_some_deleted(dice, before["sendgrid__list_members"])
    messages = {key: dict(message) for key, message in before["sendgrid__messages"].items()}
    for key in dice.sample(sorted(messages), 200):
        _open(dice, messages[key])
    return {
        **before,
        "woocommerce__orders": orders,
        "woocommerce__customers": customers,
        "sendgrid__contacts": contacts,
        "sendgrid__list_members": members,
        "sendgrid__messages": messages,
    }


def _open(dice: random.Random, message: dict[str, Any]) -> None:
    """Message activity dates it by its latest event, which may be months after the delivery."""
    if message["status"] == "delivered":
        opened_at = _message(dice, 1)["last_event_time"]
        message |= {"opens_count": 1, "last_event_time": max(opened_at, message["last_event_time"])}


def _change_order(dice: random.Random, order: dict[str, Any]) -> None:
    """Refund it, give it another state or owner, or take it away."""
    change = dice.randrange(4)
    if change == 0:
        order["refunds"] = [{"id": 9, "total": f"-{dice.choice([order['total'].lstrip('-'), '0.50'])}"}]
    elif change == 1:
        order["status"] = dice.choice(["cancelled", "completed"])
    elif change == 2:
        order["billing"] = {"email": f"person{dice.randint(1, 220)}@example.com"}
        order["customer_id"] = dice.choice([0, dice.randint(1, 200)])
    else:
        order["deleted"] = True


def _change_customer(dice: random.Random, customer: dict[str, Any]) -> None:
    """Give it another address (a new one, somebody else's, none) or company, or take it away."""
    change = dice.randrange(4)
    if change == 0:
        customer["deleted"] = True
    elif change == 1:
        customer["meta_data"] = [{"key": "company", "value": f"c{dice.randint(1, COMPANIES)}"}]
    else:
        number = customer["id"]
        addresses = [f"moved{number}@example.com", f"moved{number}@example.com", f"person{number + 1}@example.com", ""]
        customer["email"] = dice.choice(addresses)


def _with_some_deleted(dice: random.Random, rows: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    gone = dice.sample(sorted(rows), 3)
    return {key: row | {"deleted": True} if key in gone else row for key, row in rows.items()}
