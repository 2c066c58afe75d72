"""The marts after five nights on top of each other, most of them incremental, against a recount of each."""

import random
from collections import Counter
from copy import deepcopy
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest

from tests.databases import NewDatabase
from tests.dbt.builds import MARTS, Warehouse, build, variables
from tests.dbt.documents import Night, changed, documents
from tests.dbt.recount import (
    HORIZON,
    RULESETS,
    STAGES,
    Counted,
    Decided,
    History,
    Kept,
    Version,
    consent,
    decisions,
    is_plausible,
    recount,
    stage_since,
    uuid_of,
)

pytestmark = pytest.mark.dbt

#: Rule set, person or account, border's day, run date on which it was found out.
Correction = tuple[str, UUID, date, date]


def nights() -> list[Night]:
    """A first night; changed documents, rates and merges; new rules; an earlier date; and on from there."""
    dice = random.Random(20171105)  # noqa: S311 - reproducible documents, no secret
    first = documents(dice, people=200)
    second = changed(dice, first, 5001)
    third = changed(dice, second, 6001)
    fourth = changed(dice, third, 7001)
    fifth = changed(dice, fourth, 8001)
    first_rates = (("CHF", date(2017, 2, 1), Decimal("1.005")), ("EUR", date(2017, 6, 1), Decimal("1.17")))
    rates = (*first_rates, ("CHF", date(2017, 8, 20), Decimal("0.9731")))
    later_rates = (*rates, ("CHF", date(2017, 9, 10), Decimal("1.0215")))
    one = {"email:person3@example.com": "email:person4@example.com"}
    two = {**one, "email:person31@example.com": "email:person77@example.com"}
    other = {"email:person31@example.com": "email:person78@example.com"}
    return [
        Night(date(2017, 9, 24), first, rates=rates, merges=one),
        Night(date(2017, 9, 27), second, rates=later_rates, merges=two),
        Night(date(2017, 11, 6), third, max_days=7, by="orders", rates=later_rates, merges=two),
        Night(date(2017, 6, 30), fourth, max_days=7, by="orders", rates=rates, merges=other),
        Night(date(2017, 7, 2), fifth, max_days=7, by="orders", rates=rates),
    ]


#: As an earlier version has left the table that no build makes again; views on it are made again.
AS_BEFORE = """
alter table intermediate.int_delivered_messages drop column delivery_event_on cascade, drop column sent_on cascade
"""
IS_WHOLE = [True, False, True, False, False]
#: A few days and documents on from the night before: most people are as they were.
IS_NEXT = [False, True, False, False, True]


@dataclass(frozen=True)
class Built:
    """What one night left: the recount, the corrections known by then, and every mart as rows; what it found kept."""

    counted: Counted
    corrections: dict[Correction, tuple[Any, ...]]
    marts: dict[str, list[dict[str, Any]]]
    kept: Kept

    @property
    def night(self) -> Night:
        return self.counted.night

    @property
    def people(self) -> dict[UUID, Any]:
        return self.counted.people


@pytest.fixture(scope="module")
def built(new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory) -> list[Built]:
    house = Warehouse(new_database(), tmp_path_factory.mktemp("dbt"))
    house.prepare()
    done: list[Built] = []
    versions: dict[str, list[Version]] = {}
    kept = Kept()
    for number, (night, is_whole) in enumerate(zip(nights(), IS_WHOLE, strict=True), 1):
        house.land(night.documents, f"2018-01-0{number}T00:00:00Z")
        house.sow(night)
        # the last night is built whole and tested by dbt: it holds what the nights before have left
        command = build(is_tested=True) if number == len(IS_WHOLE) else build(*MARTS)
        assert house.dbt(*command, variables=variables(night)) == []
        kept.see(night)
        counted = recount(night, versions)
        corrections = {} if is_whole else corrected(done[-1].counted, counted)
        known = {**(done[-1].corrections if done else {}), **corrections}
        done.append(Built(counted, known, house.marts(), deepcopy(kept)))
        if number == 1:
            house.execute(AS_BEFORE)
        kept.deliver(night.run_date, decisions(counted, entered_late(done[-1]), done[-1].kept))
        house.keep(kept)
    return done


def corrected(before: Counted, now: Counted) -> dict[Correction, tuple[Any, ...]]:
    """Borders of days that both nights had seen, and about which they disagree: as believed and as is now known."""
    until = min(before.night.run_date, now.night.run_date)
    believed, known = before.until(until), now.until(until)
    nothing = (None, None)
    return {
        (*border, now.night.run_date): (*believed.get(border, nothing), *known.get(border, nothing))
        for border in believed.keys() | known.keys()
        if believed.get(border, nothing) != known.get(border, nothing)
    }


def test_a_night_derives_only_the_affected_unless_the_rules_have_changed(built: list[Built]) -> None:
    builds = sorted(built[-1].marts["stage_builds"], key=lambda row: row["build_id"])
    assert [(row["run_date"], row["is_whole"]) for row in builds] == [
        (night.night.run_date, is_whole) for night, is_whole in zip(built, IS_WHOLE, strict=True)
    ]
    for row, night, is_next in zip(builds, built, IS_NEXT, strict=True):
        assert not is_next or 0 < row["persons"] < len(night.people) * 2 / 3


def test_persons_are_those_known_on_the_run_date(built: list[Built]) -> None:
    for night in built:
        rows = {row["person_id"]: row for row in night.marts["persons"]}
        assert {key: (row["email"], row["first_seen_on"], row["account_id"]) for key, row in rows.items()} == {
            key: (who.email, who.first_seen_on, who.account_id) for key, who in night.people.items()
        }
        assert {row["order_id"] for row in night.marts["unassigned_orders"]} == night.counted.unassigned


def test_purchase_days_add_up_orders_and_money(built: list[Built]) -> None:
    for night in built:
        expected = {}
        for key, person in night.people.items():
            for (shop, day), orders in person.days.items():
                gross, back = (sum((money[side] for money in orders if money), Decimal(0)) for side in (0, 1))
                priced = sum(money is not None for money in orders)
                expected[key, shop, day] = ("USD", len(orders), priced, gross, back, gross - back)
        columns = ("currency", "orders", "priced_orders", "gross", "refunded", "net")
        rows = night.marts["purchase_days"]
        assert {(r["person_id"], r["shop"], r["business_day"]): tuple(r[c] for c in columns) for r in rows} == expected


def test_intervals_give_the_stage_of_every_day_by_each_rule_set(built: list[Built]) -> None:
    for night in built:
        found: dict[tuple[str, UUID], History] = {}
        end = night.night.run_date + HORIZON
        persons = [(row["person_id"], row) for row in night.marts["stage_intervals"]]
        accounts = [(row["account_id"], row) for row in night.marts["account_stage_intervals"]]
        for key, row in persons + accounts:
            history = found.setdefault((row["ruleset"], key), {})
            for number in range(((row["valid_to"] or end) - row["valid_from"]).days):
                day = row["valid_from"] + timedelta(days=number)
                assert day not in history
                history[day] = row["stage"]
        assert found == night.counted.histories


def test_transitions_are_the_changes_from_day_to_day(built: list[Built]) -> None:
    for night in built:
        late = found_out_late(night)
        expected = {
            (ruleset, key, *border[:3], "correction" if (ruleset, key, *border[:3]) in late else border[3], border[4])
            for (ruleset, key), borders in night.counted.borders.items()
            if key in night.people
            for border in borders
        }
        columns = ("ruleset", "person_id", "from_stage", "to_stage", "occurred_on", "cause", "is_win_back")
        assert {tuple(row[column] for column in columns) for row in night.marts["stage_transitions"]} == expected
        for row in night.marts["stage_transitions"]:
            name = f"{row['person_id']}|{row['ruleset']}|{row['occurred_on']}|{row['to_stage']}"
            assert row["transition_id"] == uuid_of(name)
            assert row["corrected_on"] == late.get(tuple(row[column] for column in columns[:5]))


def found_out_late(night: Built) -> dict[tuple[Any, ...], date]:
    """Border → the first night that found it out late, of those up to the run date."""
    late: dict[tuple[Any, ...], date] = {}
    for (ruleset, key, day, known_on), (_, _, start, end) in night.corrections.items():
        border = (ruleset, key, start, end, day)
        if end and known_on <= night.night.run_date:
            late[border] = min(known_on, late.get(border, known_on))
    return late


def entered_late(night: Built) -> set[tuple[Any, ...]]:
    """Rule set, person, stage and day of the entries that were no entries before they were found out."""
    return {
        (ruleset, key, end, day)
        for (ruleset, key, day, known_on), (_, believed, _, end) in night.corrections.items()
        if end and end != believed and known_on <= night.night.run_date
    }


def test_corrections_are_what_two_recounts_disagree_about_and_are_kept(built: list[Built]) -> None:
    for night in built:
        key = ("ruleset", "subject_id", "occurred_on", "known_on")
        columns = ("believed_from_stage", "believed_stage", "from_stage", "stage")
        rows = night.marts["stage_corrections"]
        found = {tuple(row[c] for c in key): tuple(row[c] for c in columns) for row in rows}
        assert found == night.corrections
        kinds = {row["subject_id"]: row["subject_kind"] for row in rows}
        accounts = {subject for subject, kind in kinds.items() if kind == "account"}
        assert not accounts & night.people.keys()
    assert len({known_on for *_, known_on in built[-1].corrections}) == IS_WHOLE.count(False)


def test_daily_counts_are_the_heads_counted_each_day(built: list[Built]) -> None:
    for night in built:
        heads: Counter[tuple[str, date, str]] = Counter()
        for (ruleset, key), history in night.counted.histories.items():
            if key in night.people:
                heads.update((ruleset, *day) for day in history.items() if day[0] <= night.night.run_date)
        first = min(person.first_seen_on for person in night.people.values())
        days = [first + timedelta(days=number) for number in range((night.night.run_date - first).days + 1)]
        found = {(row["ruleset"], row["day"], row["stage"]): row["persons"] for row in night.marts["stage_daily"]}
        assert found == {(r, day, stage): heads[r, day, stage] for r in RULESETS for day in days for stage in STAGES}


def test_customers_stand_as_on_the_run_date(built: list[Built]) -> None:
    for night in built:
        rules, late = night.night, entered_late(night)
        buyers = [person for person in night.people.values() if person.days]
        values = [getattr(person, rules.by) for person in buyers]
        for row in night.marts["customers"]:
            key, person = row["person_id"], night.people[row["person_id"]]
            assert (row["ruleset"], row["stage"]) == (person.ruleset, night.counted.stage(key))
            assert (row["orders"], row["revenue"]) == (person.orders, person.revenue)
            better = sum(value >= getattr(person, rules.by) for value in values)
            assert row["vip"] is bool(person.days and better / len(buyers) <= 0.1)
            entry = (person.ruleset, key, row["stage"], row["stage_since"])
            assert row["is_late_entry"] is (entry in late)
            assert row["as_of"] == rules.run_date
        assert len(night.marts["customers"]) == len(night.people)


def test_accounts_stand_as_on_the_run_date(built: list[Built]) -> None:
    for night in built:
        stages = {key: night.counted.histories["companies", key] for key in night.counted.accounts()}
        expected = {
            key: (
                stages[key][night.night.run_date],
                len(contacts),
                sum(contact.orders for contact in contacts),
                sum((contact.revenue for contact in contacts), Decimal(0)),
            )
            for key, contacts in night.counted.accounts().items()
        }
        columns = ("stage", "contacts", "orders", "revenue")
        assert {row["account_id"]: tuple(row[c] for c in columns) for row in night.marts["accounts"]} == expected
        assert any(contacts > 1 for _, contacts, *_ in expected.values())


def test_each_shops_customer_has_a_version_for_each_person_it_was(
    built: list[Built],
) -> None:
    rows = sorted(built[-1].marts["identity_map"], key=lambda row: (row["customer_id"], row["version"]))
    assert any(row["version"] > 1 for row in rows)
    for row, following in pairwise(rows):
        is_same_customer = row["customer_id"] == following["customer_id"]
        assert row["known_to"] == (following["known_from"] if is_same_customer else None)


def test_consent_is_as_the_decisive_evidence_says(built: list[Built]) -> None:
    for night in built:
        expected = {key: consent(night.counted, key) for key in night.people}
        rows = night.marts["persons"]
        assert {row["person_id"]: (row["consent_state"], row["consent_basis"]) for row in rows} == expected
        decisive = [row for row in night.marts["consent_evidence"] if row["is_decisive"]]
        says = {"granted": "consents", "refused": "refuses"}
        assert sorted((row["person_id"], row["says"], row["statement"]) for row in decisive) == sorted(
            (key, says[state], basis) for key, (state, basis) in expected.items() if basis
        )


def decided(night: Built) -> Decided:
    return decisions(night.counted, entered_late(night), night.kept)


def test_audiences_are_decided_by_every_rule_in_order(built: list[Built]) -> None:
    seen: Counter[tuple[str, str | None]] = Counter()
    for night in built:
        expected = decided(night)
        rows = night.marts["audience_decisions"]
        assert {(row["audience"], row["person_id"]): (row["outcome"], row["exclusion"]) for row in rows} == expected
        assert len(rows) == len(expected)
        seen.update(expected.values())
        members = {
            (*place, night.people[place[1]].email, outcome == "holdout")
            for place, (outcome, _) in expected.items()
            if outcome != "excluded"
        }
        columns = ("audience", "person_id", "email", "is_holdout")
        assert {tuple(row[c] for c in columns) for row in night.marts["audience_members"]} == members
    exclusions = ("invalid address", "suppressed", "withdrawn", "no consent", "lower priority", "contacted recently")
    assert seen.keys() >= {("excluded", each) for each in (*exclusions, "no address", "capped", "held out")}


def test_who_was_delivered_the_night_before_stays(built: list[Built]) -> None:
    """Three days later, with the cap full of the first night's entries."""
    before, now = decided(built[0]), decided(built[1])
    stayed = [place for place in before if before[place] == now.get(place) and before[place][0] != "excluded"]
    assert len(stayed) > len(built[0].people) / 4
    capped = [place for place, (_, exclusion) in now.items() if exclusion == "capped" and place not in before]
    assert capped


def test_contacts_carry_what_their_audiences_add(built: list[Built]) -> None:
    for night in built:
        added: dict[UUID, set[str]] = {}
        held_out = set()
        for (name, key), (outcome, _) in decided(night).items():
            if outcome == "member":
                added.setdefault(key, set()).add(name)
            elif outcome == "holdout":
                held_out.add(key)
        assert held_out
        expected = {
            key: (
                who.email,
                {"lifecycle_contactable": "held out"}
                if key in held_out
                else carried(night, key, added.get(key, set())),
            )
            for key, who in night.people.items()
            if who.email and is_plausible(who.email) and consent(night.counted, key)[0] == "granted"
        }
        rows = night.marts["contact_fields"]
        assert {row["person_id"]: (row["email"], row["fields"]) for row in rows} == expected


def carried(night: Built, key: UUID, on: set[str]) -> dict[str, Any]:
    """The fields of one contact, without what is unknown; no document has a name, a country or a language."""
    person, since = night.people[key], stage_since(night.counted, key)
    history = night.counted.histories[person.ruleset, key]
    columns = {
        "contactable": "contactable",
        "stage": history[since],
        "stage_since": since.isoformat(),
        "previous_stage": history.get(since - timedelta(days=1)),
        "orders": person.orders,
        "revenue": float(person.revenue),
        "last_order_on": max(person.bought_on).isoformat() if person.days else None,
        "first_order_on": min(person.bought_on).isoformat() if person.days and "everybody" in on else None,
    }
    fields = {f"lifecycle_{name}": value for name, value in columns.items() if value is not None}
    return fields | ({"DAYS_BOUGHT": len(person.bought_on)} if "overdue" in on else {})
