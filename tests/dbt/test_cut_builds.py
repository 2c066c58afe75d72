"""A build that is cut leaves no trace in those that follow it, and later purchases change no earlier day."""

import random
import threading
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from dbt.adapters.base import BaseRelation
from dbt.adapters.cache import RelationsCache

from tests.dbt.histories import BEGIN, STREAMS, Facts, Town, facts, first_facts
from tests.dbt.stage_nights import (
    FACTS,
    FACTS_FIRST,
    FOUNDATION,
    SELECTED,
    UNFINISHED,
    StageWarehouse,
    at_full,
    at_kept,
    corrections_tell_what_changed,
    rules,
)

pytestmark = pytest.mark.dbt


@pytest.fixture(scope="module")
def standing(nights: StageWarehouse) -> tuple[StageWarehouse, Town]:
    """A town after a night; who uses it leaves it after a night."""
    town = Town(random.Random(5), people=30)  # noqa: S311
    nights.begin()
    nights.land(first_facts(town))
    nights.build(town.today, [*FOUNDATION, *SELECTED])
    return nights, town


def test_models_that_ask_for_their_streams_at_once_all_find_them(
    standing: tuple[StageWarehouse, Town], monkeypatch: pytest.MonkeyPatch
) -> None:
    nights, town = standing
    add = RelationsCache.add

    def slowly(cache: RelationsCache, relation: BaseRelation) -> None:
        add(cache, relation)
        threading.Event().wait(0.1)

    monkeypatch.setattr(RelationsCache, "add", slowly)
    nights.build(town.today, [f"stg_{stream}" for stream in STREAMS], "--full-refresh", "--threads", "4")
    counts = "select (select count(*) from staging.stg_{stream}), (select count(*) from raw.{stream})"
    for read, landed in (nights.query(counts.format(stream=stream))[0] for stream in STREAMS):
        assert read == landed > 0


def test_a_cut_build_of_a_later_date_leaves_no_trace(standing: tuple[StageWarehouse, Town]) -> None:
    nights, town = standing
    nights.keep("before")
    nights.build(town.today + timedelta(days=20), UNFINISHED)
    assert nights.differences(at_kept("before"))
    nights.build(town.today)
    assert nights.differences(at_kept("before")) == {}


def test_merges_and_rates_that_only_a_cut_build_saw_leave_no_trace(standing: tuple[StageWarehouse, Town]) -> None:
    nights, town = standing
    nights.keep("before")
    people = [row[0] for row in nights.query("select person_id from intermediate.int_persons limit 9")]
    rates = dict.fromkeys([("EUR", town.today - timedelta(days=90)), ("USD", town.today)], Decimal(7))
    nights.land(Facts([], rates, dict.fromkeys(people[1:], people[0])))
    nights.build(town.today, FACTS_FIRST)
    assert nights.differences(at_kept("before")).keys() == {*FACTS}
    nights.land(Facts([], town.rates, town.merges))
    nights.build(town.today)
    assert nights.differences(at_kept("before")) == {}


def test_rules_that_only_a_cut_build_knew_leave_no_trace(standing: tuple[StageWarehouse, Town]) -> None:
    nights, town = standing
    nights.keep("before")
    nights.build(town.today, UNFINISHED, by=rules(currency="USD", at_risk=25))
    assert nights.differences(at_kept("before"))
    nights.build(town.today)
    assert nights.differences(at_kept("before")) == {}


def test_what_a_cut_full_refresh_saw_is_not_forgotten(standing: tuple[StageWarehouse, Town]) -> None:
    nights, town = standing
    nights.land(facts(town, 30))
    nights.build(town.today, FACTS_FIRST, "--full-refresh")
    nights.build(town.today)
    nights.build_full(town.today)
    assert nights.differences(at_full) == {}


def test_corrections_compare_with_the_last_finished_night_whatever_builds_were_cut(
    standing: tuple[StageWarehouse, Town],
) -> None:
    nights, town = standing
    before, believed = town.today, nights.transitions(town.today)
    town.today += timedelta(days=20)
    for days_later in (-40, 400, 0):
        nights.land(facts(town, 15))
        nights.build(town.today + timedelta(days=days_later), UNFINISHED)
    nights.land(facts(town, 15))
    nights.build(town.today)
    corrections_tell_what_changed(nights, believed, before, town.today)


def test_a_repeated_night_knows_in_time_what_it_counts_at_last(standing: tuple[StageWarehouse, Town]) -> None:
    """What its first build missed of its own days is not late, and what that one took back stands as before."""
    nights, town = standing
    before, believed = town.today, nights.transitions(town.today)
    town.today += timedelta(days=30)
    orders = [row[0] for row in nights.query("select id from raw.woocommerce__orders where not is_deleted")]
    _delete(nights, orders, is_deleted=True)
    nights.build(town.today)
    corrections_tell_what_changed(nights, dict(believed), before, town.today)
    _delete(nights, orders, is_deleted=False)
    _purchases_of_everybody(nights, before)
    nights.build(town.today)
    corrections_tell_what_changed(nights, believed, before, town.today)
    entered = "select cause from intermediate.int_stage_intervals where valid_from > %s and valid_from <= %s"
    assert ("purchase",) in nights.query(entered, before, town.today)


def _delete(nights: StageWarehouse, orders: list[str], *, is_deleted: bool) -> None:
    """Orders are gone from the shop, or there again."""
    nights.query(
        """
        update raw.woocommerce__orders set is_deleted = %s,
            loaded_at = (select max(loaded_at) + interval '1 second' from raw.woocommerce__orders)
        where id = any(%s)
        """,
        is_deleted,
        orders,
    )


# --- one person's purchases --------------------------------------


def _intervals(nights: StageWarehouse) -> set[tuple[Any, ...]]:
    rows = nights.query(
        "select ruleset, valid_from, subject_id, stage, previous_stage, cause, ruleset_version, purchase_days_before"
        " from intermediate.int_stage_intervals"
    )
    return {tuple(row) for row in rows}


def test_later_purchases_change_no_interval_that_has_begun(standing: tuple[StageWarehouse, Town]) -> None:
    """Companies go by their own pace and the shop by what was learnt: both know only what was known on the day."""
    nights, town = standing
    day, town.today = town.today, town.today + timedelta(days=100)
    nights.build(town.today)
    believed = _intervals(nights)
    _purchases_of_everybody(nights, day)
    nights.build(town.today)
    changed = _intervals(nights) ^ believed
    assert {ruleset for ruleset, *_ in changed} == {*rules().stages.rulesets}
    assert min(valid_from for _, valid_from, *_ in changed) > day


def _purchases_of_everybody(nights: StageWarehouse, after: date) -> None:
    """Five further orders of all who have one, at a pace of their own."""
    nights.query(
        """
        insert into raw.woocommerce__orders (id, source, doc, loaded_at)
        select id || '/' || %s::date || '/' || number, source,
            doc || jsonb_build_object(
                'refunds', '[]'::jsonb, 'status', 'completed', 'total', '10.00', 'date_created_gmt',
                to_char(%s::date + number * (2 + abs(hashtext(id)) %% 18), 'YYYY-MM-DD"T"12:00:00')),
            (select max(loaded_at) + interval '1 second' from raw.woocommerce__orders)
        from (
            select distinct on (doc #>> '{billing,email}', doc ->> 'customer_id') * from raw.woocommerce__orders
            where doc ->> 'payment_method' = 'card' and not is_deleted
        ) as orders
        cross join generate_series(1, 5) as number
        """,
        after,
        after,
    )


def test_fifty_thousand_orders_of_one_person_are_counted(nights: StageWarehouse) -> None:
    nights.begin()
    nights.query(
        """
        insert into raw.woocommerce__orders (id, source, doc, loaded_at)
        select 'zh/' || number, 'zh', jsonb_build_object('customer_id', 0, 'status', 'completed', 'currency', 'CHF',
            'total', '1.00', 'billing', jsonb_build_object('email', 'till@example.com'),
            'date_created_gmt', to_char(date '2024-03-01' - number %% 10000, 'YYYY-MM-DD"T"12:00:00')), now()
        from generate_series(0, %s) as number
        """,
        49_999,
    )
    nights.build(BEGIN, [*FOUNDATION, *SELECTED])
    totals = "select purchase_days, orders, revenue, first_order_on from intermediate.int_purchase_totals"
    assert nights.query(totals) == [(10_000, 50_000, Decimal(50_000), BEGIN - timedelta(days=9_999))]
    stages = "select stage, valid_from from intermediate.int_stage_intervals where ruleset = 'default' order by 2"
    begins = [BEGIN - timedelta(days=9_999), BEGIN - timedelta(days=9_998)]
    overdue = [BEGIN + timedelta(days=days) for days in (20, 40, 90)]
    assert nights.query(stages) == [
        *zip(("new", "active", "at_risk", "lapsed", "lost"), (*begins, *overdue), strict=True)
    ]
