"""The gap of a random town, as dbt measures it, against a recount of every person and day."""

import csv
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from uuid import UUID

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import dict_row

from tests.dbt.builds import Warehouse, variables
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


def sow_catalogue(house: Warehouse) -> None:
    path = house.project / "seeds" / "contact_scenarios.csv"
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


@pytest.fixture(scope="module")
def built(new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Built:
    dice = random.Random(20171107)  # noqa: S311 - a reproducible town, no secret
    house = Warehouse(new_database(), tmp_path_factory.mktemp("dbt"))
    house.prepare()
    sow_catalogue(house)
    found, kept = town(dice), kept_of(dice)
    house.land(found, "2017-11-08T01:00:00Z")
    house.keep(kept)
    rules = variables(Night(RUN_DATE, found))
    rules["lifecycle"]["measuring"] = MEASURING
    built = ["+contact_gap", "+customers", "+stage_intervals"]
    untested = ["--exclude-resource-type", "unit_test", "--exclude-resource-type", "test"]
    assert house.dbt("build", "--select", *built, *untested, variables=rules) == []
    tested = ["contact_gap", "contact_gap_daily", "messages", "scenario_catalogue"]
    assert house.dbt("test", "--select", *tested, "--exclude", "test_type:unit", variables=rules) == []
    marts = read(house.url)
    return Built(marts["contact_gap"], marts["contact_gap_daily"], everybody(marts, found, kept))


def read(url: str) -> dict[str, Rows]:
    with psycopg.connect(url, row_factory=dict_row) as connection:
        statements = {name: sql.SQL("select * from {}").format(sql.Identifier("marts", name)) for name in MARTS}
        return {name: connection.execute(statement).fetchall() for name, statement in statements.items()}


def test_every_scenario_has_a_row_for_every_month(built: Built) -> None:
    counted = recount(built.people)
    expected = []
    for scenario in catalogue():
        for month in (date(2017, 9, 1), date(2017, 10, 1), date(2017, 11, 1)):
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
    found = {
        tuple(row[name] for name in ("scenario", "day", "audience", "standing", "exclusion")): [
            row[name] for name in names
        ]
        for row in built.daily
    }
    assert found == {place: [sums[name] for name in names] for place, sums in counted.days.items()}
    assert {standing for _, _, _, standing, _ in found} == {"member", "holdout", "excluded", "none"}


def test_the_town_has_every_case(built: Built) -> None:
    seen: Counter[str] = Counter()
    for row in built.gap:
        seen.update({name: row[name] for name in (*STATUSES, "not_due", "contacts", "opened", "clicked") if row[name]})
    assert all(seen[name] > 5 for name in (*STATUSES, "not_due", "contacts", "opened", "clicked"))
    assert {row["verdict"] for row in built.gap} >= {"live", "partly", "planned", "missing"}
