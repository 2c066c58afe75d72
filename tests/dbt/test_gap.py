"""The gap of a random town, as dbt measures it, against a recount of every person and day."""

import csv
import random
from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import dict_row

from tests.databases import NewDatabase
from tests.dbt.builds import Warehouse, build, variables
from tests.dbt.documents import Night
from tests.dbt.gap import (
    CATALOGUE,
    COLUMNS,
    MEASURING,
    RUN_DATE,
    STATUSES,
    Person,
    Rows,
    catalogue,
    everybody,
    kept_of,
    recount,
    town,
    verdict,
)

pytestmark = pytest.mark.dbt

MARTS = (
    "persons",
    "customers",
    "stage_intervals",
    "purchase_days",
    "consent_evidence",
    "contact_gap",
    "contact_gap_daily",
)


BUILT = ("contact_gap", "customers", "stage_intervals")
MONTHS = (date(2017, 9, 1), date(2017, 10, 1), date(2017, 11, 1))


def sow_catalogue(house: Warehouse) -> None:
    path = house.project / "seeds" / "scenario_catalogue.csv"
    header = path.read_text(encoding="utf-8").splitlines()[0].split(",")
    others = {"race": "Engage", "is_always_on": "true"}
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, header, restval="words")
        writer.writeheader()
        writer.writerows(dict(zip(COLUMNS, row, strict=True)) | others for row in CATALOGUE)


@dataclass(frozen=True)
class Built:
    """The gap as dbt gives it, and everybody in it."""

    gap: Rows
    daily: Rows
    people: dict[UUID, Person]
    house: Warehouse
    rules: dict[str, Any]

    def again(self, *options: str, days_later: int) -> tuple[Rows, Rows]:
        """The gap and its days after another build, for a later night."""
        rules = {**self.rules, "run_date": (RUN_DATE + timedelta(days=days_later)).isoformat()}
        assert self.house.dbt(*build(*BUILT), *options, variables=rules) == []
        marts = read(self.house.url)
        return marts["contact_gap"], marts["contact_gap_daily"]


@pytest.fixture(scope="module")
def built(new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory) -> Built:
    dice = random.Random(20171107)  # noqa: S311 - a reproducible town, no secret
    house = Warehouse(new_database(), tmp_path_factory.mktemp("dbt"))
    house.prepare()
    sow_catalogue(house)
    content, kept = town(dice), kept_of(dice)
    house.land(content, "2017-11-08T01:00:00Z")
    house.keep(kept)
    rules = variables(Night(RUN_DATE, content))
    rules["lifecycle"]["measuring"] = MEASURING
    assert house.dbt(*build(*BUILT), variables=rules) == []
    tested = ["contact_gap", "contact_gap_daily", "messages", "contact_scenarios"]
    assert house.dbt("test", "--select", *tested, "--exclude", "test_type:unit", variables=rules) == []
    marts = read(house.url)
    return Built(marts["contact_gap"], marts["contact_gap_daily"], everybody(marts, content, kept), house, rules)


def read(url: str) -> dict[str, Rows]:
    with psycopg.connect(url, row_factory=dict_row) as connection:
        statements = {name: sql.SQL("select * from {}").format(sql.Identifier("marts", name)) for name in MARTS}
        return {name: connection.execute(statement).fetchall() for name, statement in statements.items()}


def test_every_scenario_has_a_row_for_every_month(built: Built) -> None:
    counted = recount(built.people)
    expected = []
    for scenario in catalogue():
        for month in MONTHS:
            sums = counted.months[scenario.scenario, month]
            due = sum(sums[name] for name in STATUSES[:4])
            is_mail = scenario.channel == "email"
            expected.append({
                "scenario": scenario.scenario,
                "month": month,
                **{name: sums[name] for name in ("concerned", *STATUSES, "not_due", "contacts", "purchased")},
                "due": due,
                "opened": sums["opened"] if is_mail else None,
                "clicked": sums["clicked"] if is_mail else None,
                "response_days": MEASURING["response_days"],
                "verdict": verdict(scenario, sums),
                **dict.fromkeys(name for name in built.gap[0] if name.startswith("worth")),
            })  # fmt: skip
    in_order = {scenario.scenario: number for number, scenario in enumerate(catalogue())}
    assert sorted(built.gap, key=lambda row: (in_order[row["scenario"]], row["month"])) == expected


def test_days_are_told_apart_by_what_had_been_decided(built: Built) -> None:
    counted = recount(built.people)
    names = ("concerned", *STATUSES, "not_due")
    daily = {
        tuple(row[name] for name in ("scenario", "day", "audience", "standing", "exclusion")): [
            row[name] for name in names
        ]
        for row in built.daily
    }
    assert daily == {place: [sums[name] for name in names] for place, sums in counted.days.items()}
    assert {standing for _, _, _, standing, _ in daily} == {"member", "holdout", "excluded", "none"}


def test_the_town_has_every_case(built: Built) -> None:
    seen: Counter[str] = Counter()
    for row in built.gap:
        seen.update({name: row[name] for name in (*STATUSES, "not_due", "contacts", "opened", "clicked") if row[name]})
    assert all(seen[name] > 5 for name in (*STATUSES, "not_due", "contacts", "opened", "clicked"))
    assert {row["verdict"] for row in built.gap} >= {"live", "partly", "planned", "missing"}


def by_key(rows: Rows, first: date) -> list[list[str]]:
    """Rows from a day on, in an order of their own."""
    return sorted([f"{value}" for value in row.values()] for row in rows if (row.get("month") or row["day"]) >= first)


def tamper(house: Warehouse) -> None:
    """Whatever is counted again loses these thousand."""
    with psycopg.connect(house.url, autocommit=True) as connection:
        connection.execute("update marts.contact_gap_daily set pending = pending + 1000, concerned = concerned + 1000")


def test_a_later_night_counts_the_open_months_alone_and_as_a_full_build_does(built: Built) -> None:
    tamper(built.house)
    gap, days = built.again(days_later=9)
    assert {row["month"] for row in gap if row["pending"] >= 1000} == {MONTHS[0]}
    assert {row["day"].month for row in days if row["pending"] >= 1000} == {MONTHS[0].month}
    whole_gap, whole_days = built.again("--full-refresh", days_later=9)
    assert not [row for row in whole_days if row["pending"] >= 1000]
    assert by_key(gap, MONTHS[1]) == by_key(whole_gap, MONTHS[1])
    assert by_key(days, MONTHS[1]) == by_key(whole_days, MONTHS[1])


def test_another_catalogue_counts_all_months_anew(built: Built) -> None:
    tamper(built.house)
    built.rules["lifecycle"]["measuring"] = {**MEASURING, "live_share": 0.31}
    again, _ = built.again(days_later=0)
    places = [{(row["scenario"], row["month"]): row["pending"] for row in rows} for rows in (built.gap, again)]
    assert places[0] == places[1]
