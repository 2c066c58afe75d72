"""Hand-made purchases in a warehouse of a test's own, rule sets for them, and the statistics that come of them."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from demo.marts import ddl
from lifecycle import settings, warehouse

START = date(2017, 1, 1)
PERSON = """
insert into marts.persons (person_id, first_seen_on, consent_state, account_id) values (%s, '2017-01-01', 'granted', %s)
on conflict do nothing
"""
DAYS = {"at_risk": {"after_days": 30}, "lapsed": {"after_days": 60}, "lost": {"after_days": 90}}
#: The version that holds on a day is the newest of those that hold from that day or an earlier one.
HOLDS = """
select {columns} from statistics.ruleset_version
where ruleset = %s and valid_from <= %s order by version desc limit 1
"""


def day(number: int) -> date:
    """The day n days after the first."""
    return START + timedelta(days=number)


def person(number: int) -> UUID:
    """A person's id."""
    return uuid5(NAMESPACE_URL, f"{number}")


def rules(**rulesets: dict[str, Any]) -> settings.Settings:
    """The marketer's file with these rule sets, in shops ``one`` and ``two``; days that are not set are ``DAYS``."""
    shop = {"kind": "woocommerce", "connection": "shop", "timezone": "Europe/Zurich", "currency": "CHF"}
    return settings.parse(
        {
            "timezone": "Europe/Zurich",
            "currency": "CHF",
            "shops": {"one": shop, "two": shop},
            "esp": {"kind": "sendgrid", "connection": "esp"},
            "stages": {"rulesets": {name: {**DAYS, **days} for name, days in rulesets.items()}},
            "audiences": {"all": {"list": "All", "stages": ["active"]}},
        }
    )


class Marts:
    """A warehouse with the marts that are read and the statistics that are written."""

    def __init__(self, url: str) -> None:
        self.url = url
        warehouse.prepare(url, [])
        self.database = warehouse.connect(url, autocommit=True)
        self.database.execute(ddl("persons", "purchase_days").encode())

    def begin(self) -> None:
        """Begin again: nobody has bought, nothing was learnt."""
        self.database.execute(
            b"truncate marts.persons, marts.purchase_days, statistics.ruleset_version, statistics.score_cut,"
            b" statistics.customer_model, statistics.outlook_node restart identity"
        )

    def buys(
        self, number: int, days: Iterable[int], *, shop: str = "one", net: float = 10, account: bool = False
    ) -> None:
        """Let a person buy on these days, as a company's contact or for themselves."""
        known = [person(number), person(-number) if account else None]
        self.database.execute(PERSON, known)
        self.bought([(person(number), shop, day(each), net) for each in days])

    def bought(self, rows: list[tuple[UUID, str, date, float]]) -> None:
        """Store purchase days: person, shop, day, net."""
        with self.database.cursor() as cursor:
            cursor.executemany(
                "insert into marts.purchase_days"
                " (person_id, shop, business_day, currency, orders, priced_orders, gross, refunded, net)"
                " values (%s, %s, %s, 'CHF', 1, 1, 0, 0, %s)",
                rows,
            )

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        return self.database.execute(query.encode(), values).fetchall()

    def versions(self, ruleset: str) -> list[tuple[Any, ...]]:
        """A rule set's versions: number, kind, from when on it holds, days, and from how many gaps."""
        return self.rows(
            "select version, kind, valid_from::text, array[at_risk_days, lapsed_days, lost_days], gaps"
            " from statistics.ruleset_version where ruleset = %s order by version",
            ruleset,
        )

    def holding(self, ruleset: str, on: date) -> tuple[Any, ...]:
        """The number and the days of the version that holds on a day."""
        columns = "version, at_risk_days, lapsed_days, lost_days"
        return self.rows(HOLDS.format(columns=columns), ruleset, on)[0]
