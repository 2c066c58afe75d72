"""Whatever happened between the nights, and however they were cut: what stands is what a full build would give."""

from datetime import date, timedelta

import pytest
from hypothesis import Phase, given
from hypothesis import settings as hypothesis

from tests.dbt.histories import HISTORIES, History, facts, first_facts
from tests.dbt.stage_nights import (
    BY_PERSON,
    FOUNDATION,
    SELECTED,
    StageWarehouse,
    at_full,
    at_kept,
    corrections_tell_what_changed,
)

pytestmark = pytest.mark.dbt

EXAMPLES = 30 if hypothesis.get_current_profile_name() == "thorough" else 1


# What fails is not made smaller, which would take an hour: it is printed, and kept for the next run.
@hypothesis(max_examples=EXAMPLES, phases=[Phase.reuse, Phase.generate])
@given(history=HISTORIES)
def test_any_history_of_nights_gives_what_a_full_build_gives(nights: StageWarehouse, history: History) -> None:
    nights.begin()
    town = history.town()
    dates = [town.today]
    nights.land(first_facts(town))
    nights.build(town.today, [*FOUNDATION, *SELECTED])
    for number, night in enumerate(history.nights):
        before, believed = town.today, nights.transitions(town.today)
        town.today += timedelta(days=night.gap)
        dates.append(town.today)
        for cut in night.cuts:
            last_build = nights.last_build()
            nights.land(facts(town, 15))
            nights.cut(town.today, cut)
            if cut.days_later and nights.last_build() != last_build:  # only what comes after stage_builds was cut off
                before = min(nights.last_build()[1], town.today)
                believed = nights.transitions(before)
        nights.land(facts(town, night.events))
        nights.build(town.today)
        if not nights.was_whole() and not any(cut.is_full_refresh for cut in night.cuts):
            corrections_tell_what_changed(nights, believed, before, town.today)
        if number in {history.compared, len(history.nights) - 1}:
            nights.build_full(town.today)
            assert nights.differences(at_full) == {}
            nights.keep(f"on_{town.today:%Y%m%d}")
    _a_replay_gives_that_night_again(nights, dates[history.compared + 1], dates[-1])


def _a_replay_gives_that_night_again(nights: StageWarehouse, earlier: date, last: date) -> None:
    """An earlier date, and then the last one again; of persons of whom nothing landed since, what that night gave."""
    nights.build(earlier)
    assert not nights.was_whole()
    nights.build_full(earlier)
    assert nights.differences(at_full) == {}
    nights.query(TOUCHED.format(kept=f"on_{earlier:%Y%m%d}"))
    untouched = dict.fromkeys(BY_PERSON, "person_id not in (select person_id from touched)")
    untouched["int_stage_intervals"] = "subject_kind = 'person' and subject_id not in (select person_id from touched)"
    assert nights.differences(at_kept(f"on_{earlier:%Y%m%d}"), untouched) == {}
    nights.build(last)
    assert nights.differences(at_kept(f"on_{last:%Y%m%d}")) == {}


#: Persons of whom a document, a merge or a rate has changed since a night whose tables were kept.
TOUCHED = """
drop table if exists touched;
create temporary table touched as
with
    since as (select at from {kept}.built),
    customers as (select id from raw.woocommerce__customers, since where loaded_at > at),
    orders as (select id from raw.woocommerce__orders, since where loaded_at > at),
    contacts as (
        select 'contact:' || id as id from raw.sendgrid__contacts, since where loaded_at > at
        union all
        select 'member:' || id from raw.sendgrid__list_members, since where loaded_at > at
        union all
        select 'customer:' || id from customers
    ),
    owners as (
        select orders.person_id, orders.order_id, orders.currency,
            raw.source || '/' || (raw.doc ->> 'customer_id') as customer
        from (select * from intermediate.int_orders union all select * from {kept}.int_orders) as orders
        join raw.woocommerce__orders as raw on raw.id = orders.order_id
    ),
    rates as (
        (select currency, valid_from, rate from seeds.exchange_rates except select * from {kept}.rates)
        union all
        (select * from {kept}.rates except select currency, valid_from, rate from seeds.exchange_rates)
    ),
    merges as (
        (select person_id, surviving_person_id from seeds.person_merges
        except select person_id, surviving_person_id from {kept}.merges)
        union all
        (select person_id, surviving_person_id from {kept}.merges
        except select person_id, surviving_person_id from seeds.person_merges)
    )
select person_id from owners
where person_id is not null and (
    order_id in (select id from orders)
    or customer in (select id from customers)
    or currency in (select currency from rates)
)
union select person_id from intermediate.int_identity_events
where person_id is not null and identity_event_id in (select id from contacts)
union select person_id from {kept}.int_identity_events
where person_id is not null and identity_event_id in (select id from contacts)
union select person_id from merges
union select surviving_person_id from merges
"""
