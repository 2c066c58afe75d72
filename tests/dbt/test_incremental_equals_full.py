"""Whatever happened between the nights, and however they were cut: what stands is what a full build would give."""

import json
import os
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import psycopg
import pytest
from dbt.adapters.base import BaseRelation
from dbt.adapters.cache import RelationsCache
from dbt.cli.main import dbtRunner
from hypothesis import Phase, given
from hypothesis import settings as hypothesis

from lifecycle import settings, transform, warehouse
from lifecycle.settings import DBT_PROJECT, Settings
from tests.databases import NewDatabase
from tests.dbt.histories import (
    BEGIN,
    HISTORIES,
    OPT_IN_LISTS,
    SHOPS,
    STREAMS,
    Cut,
    Facts,
    History,
    Town,
    facts,
    first_facts,
)
from tests.dbt.manifests import parsed

pytestmark = pytest.mark.dbt

EXAMPLES = 30 if hypothesis.get_current_profile_name() == "thorough" else 2
FULL = "full_"
SCHEMAS = ("staging", "intermediate", "marts")
FACTS = ("int_orders", "int_identity_events")
BY_PERSON = ("int_persons", "purchase_days", "int_purchase_totals", "int_latest_orders", "int_stage_intervals")
#: What must be the same, row by row; ``loaded_at`` included, for the next night goes by it.
COMPARED = {
    **dict.fromkeys((*FACTS, *BY_PERSON, "int_stage_movements"), "intermediate"),
    **dict.fromkeys(("purchase_days", "stage_daily", "accounts"), "marts"),
}
#: All their rows, but for movements that cancelled each other out.
ALL = {**dict.fromkeys(COMPARED, "true"), "int_stage_movements": "subjects <> 0"}
#: What stays as it is once it is there: views, and tables that other models fill.
FOUNDATION = ["path:models/staging/settings", "int_believed_stages", "stage_corrections"]
FACTS_FIRST = [
    "stg_woocommerce__orders",
    "stg_woocommerce__customers",
    "stg_sendgrid__contacts",
    "stg_sendgrid__list_members",
    "int_shop_orders",
    "int_shop_customers",
    "int_esp_contacts",
    "int_esp_list_members",
    "int_dirty_subjects",
    "int_changed_orders",
    *FACTS,
]
SELECTED = [
    *FACTS_FIRST,
    "int_applied_rates",
    "int_applied_merges",
    "int_affected_subjects",
    "int_stage_movements",
    *BY_PERSON,
    "int_current_stages",
    "stage_daily",
    "accounts",
    "stage_builds",
]
#: All but what says that a build is finished.
UNFINISHED = SELECTED[:-1]


def rules(currency: str = "CHF", at_risk: int = 20) -> Settings:
    """Three rule sets at once: companies by their own pace, one shop by learnt days, everybody by fixed ones."""
    days = {"at_risk": {"after_days": at_risk}, "lapsed": {"after_days": 40}, "lost": {"after_days": 90}}
    shop = {
        "kind": "woocommerce",
        "connection": "shop",
        "account_field": "company",
        "first_business_day": date(1990, 1, 1),
        "paid_statuses": ["completed"],
        "test_payment_methods": ["test"],
    }
    return settings.parse(
        {
            "timezone": "Europe/Zurich",
            "currency": currency,
            "shops": {
                name: {**shop, "timezone": zone, "currency": currency, "zero_value_orders_count": name == "ny"}
                for name, (zone, currency) in SHOPS.items()
            },
            "esp": {"kind": "sendgrid", "connection": "esp", "opt_in_lists": [OPT_IN_LISTS["esp"]]},
            "additional_esps": {
                "news": {"kind": "sendgrid", "connection": "news", "opt_in_lists": [OPT_IN_LISTS["news"]]}
            },
            "stages": {
                "rulesets": {
                    "companies": {"kind": "personal", "customers": "b2b", **days},
                    "zurich": {"kind": "shop", "shops": ["zh"], "new": {"max_days": 5}, **days},
                    "default": {"new": {"max_days": 12}, **days},
                }
            },
            "audiences": {"new": {"list": "New", "stages": ["new"]}},
        }
    )


@dataclass
class Warehouse:
    """One database in which nights follow each other, and where the same ``raw`` is built from nothing beside it."""

    url: str
    folder: Path
    connection: psycopg.Connection[Any]
    manifests: dict[str, Any]

    def query(self, statement: str, *values: Any) -> list[Any]:
        cursor = self.connection.execute(statement.encode(), values or None)
        return cursor.fetchall() if cursor.description else []

    def invoke(self, prefix: str, run_date: date, *command: str, by: Settings | None = None) -> Any:
        """Let dbt do something; its answer."""
        os.environ["LIFECYCLE_SCHEMA_PREFIX"] = prefix
        done = dbtRunner(manifest=self.manifests[prefix]).invoke([
            *command,
            "--project-dir", str(DBT_PROJECT), "--profiles-dir", str(DBT_PROJECT),
            "--target-path", str(self.folder), "--log-path", str(self.folder),
            "--log-level", "none", "--log-level-file", "none", "--no-write-json",
            "--vars", json.dumps(transform.variables(by or rules(), run_date)),
        ])  # fmt: skip
        rows = getattr(done.result, "results", ())
        assert done.success, done.exception or [row.message for row in rows if row.status == "error"]
        return done.result

    def build(
        self, run_date: date, models: Sequence[str] = SELECTED, *options: str, by: Settings | None = None
    ) -> None:
        self.invoke("", run_date, "run", *options, "--select", *models, by=by)

    def build_full(self, run_date: date) -> None:
        """Build the same raw from nothing, in schemas of its own."""
        for schema in SCHEMAS:
            self.query(f"drop schema if exists {FULL}{schema} cascade")
        self.invoke(FULL, run_date, "run", "--select", *FOUNDATION, *SELECTED)

    def cut(self, run_date: date, cut: Cut) -> None:
        """Build the first models only, in some order in which they can be built."""
        models = self.in_some_order(random.Random(cut.seed))  # noqa: S311
        some = models[: int(cut.share * len(models))]
        options = ["--full-refresh"] if cut.is_full_refresh else []
        if some:
            self.build(run_date + timedelta(days=cut.days_later), some, *options)

    def in_some_order(self, dice: random.Random) -> list[str]:
        nodes = self.manifests[""].nodes
        selected = {key: nodes[key] for key in nodes if nodes[key].name in SELECTED}
        order = TopologicalSorter({key: [*node.depends_on.nodes] for key, node in selected.items()})
        order.prepare()
        found = []
        while order.is_active():
            ready = sorted(order.get_ready())
            dice.shuffle(ready)
            order.done(*ready)
            found += [selected[key].name for key in ready if key in selected]
        return found

    def begin(self) -> None:
        """Forget all nights."""
        for schema in SCHEMAS:
            self.query(f"drop schema if exists {schema} cascade")
        for table in [*(f"raw.{stream}" for stream in STREAMS), "seeds.exchange_rates", "seeds.person_merges"]:
            self.query(f"truncate {table}")

    def land(self, facts: Facts) -> None:
        """Merge batches into raw as a night does, and write the seeds."""
        for batch in facts.batches:
            for stream in STREAMS:
                rows = [
                    {"id": row.id, "doc": row.doc, "is_deleted": row.is_deleted}
                    for row in batch
                    if row.stream == stream
                ]
                self.query(MERGE.format(table=f"raw.{stream}"), json.dumps(rows))
        self.query("truncate seeds.exchange_rates, seeds.person_merges")
        for (currency, day), rate in facts.rates.items():
            self.query("insert into seeds.exchange_rates values (%s, %s, %s)", currency, day, rate)
        for person, survivor in facts.merges.items():
            self.query("insert into seeds.person_merges values (%s, %s, '2024-01-01')", person, survivor)

    def keep(self, name: str) -> None:
        """Copy what stands now."""
        self.query(f"drop schema if exists {name} cascade")
        self.query(f"create schema {name}")
        for table, schema in COMPARED.items():
            self.query(f"create table {name}.{table} as select * from {schema}.{table}")
        self.query(f"create table {name}.rates as select * from seeds.exchange_rates")
        self.query(f"create table {name}.merges as select * from seeds.person_merges")
        self.query(f"create table {name}.built as select clock_timestamp() as at")

    def differences(self, other: Callable[[str, str], str], where: dict[str, str] = ALL) -> dict[str, Any]:
        """Table → rows that only what stands now has (+), and that only the other has (-)."""
        found = {}
        for table, condition in where.items():
            ours, theirs = f"{COMPARED[table]}.{table}", other(COMPARED[table], table)
            now, then = (f"select * from {side} where {condition}" for side in (ours, theirs))
            rows = self.query(
                f"select '+', * from ({now} except all {then}) as extra"
                f" union all select '-', * from ({then} except all {now}) as missing"
            )
            if rows:
                found[table] = rows[:6]
        return found

    def was_whole(self) -> bool:
        return bool(self.query("select is_whole from marts.stage_builds order by build_id desc limit 1")[0][0])

    def last_build(self) -> tuple[int, date]:
        """The number and the run date of the build that was finished last."""
        number, run_date = self.query(
            "select build_id, run_date from marts.stage_builds order by build_id desc limit 1"
        )[0]
        return number, run_date

    def transitions(self, until: date) -> dict[tuple[Any, ...], tuple[Any, ...]]:
        """Subject, rule set and day → the stage before and the stage that began, up to a day."""
        rows = self.query(
            "select subject_id, ruleset, valid_from, previous_stage, stage from intermediate.int_stage_intervals"
            " where valid_from <= %s",
            until,
        )
        return {tuple(row[:3]): tuple(row[3:]) for row in rows}


MERGE = """
insert into {table} as known (id, source, doc, loaded_at, is_deleted)
select id, split_part(id, '/', 1), doc,
    (select greatest(statement_timestamp(), max(loaded_at) + interval '1 microsecond') from {table}), is_deleted
from jsonb_to_recordset(%s) as landed(id text, doc jsonb, is_deleted boolean)
on conflict (id) do update
set doc = excluded.doc, loaded_at = excluded.loaded_at, is_deleted = excluded.is_deleted
where (known.doc, known.is_deleted) is distinct from (excluded.doc, excluded.is_deleted)
"""

#: Rule sets that were learnt: the companies' pace counts, and the shop's days change in the middle.
VERSIONS = """
insert into statistics.ruleset_version (ruleset, version, kind, valid_from, at_risk_days, lapsed_days, lost_days,
    new_max_days, mean_gap_days, credibility_gaps, at_least_days, gaps, made_for)
values
    ('companies', 1, 'personal', '-infinity', 15, 30, 70, null, 11.5, 2.5, 4, 300, '2024-01-01'),
    ('zurich', 1, 'shop', '-infinity', 18, 35, 80, 5, null, null, 1, 300, '2024-01-01'),
    ('zurich', 2, 'shop', '2024-01-15', 14, 25, 60, 9, null, null, 1, 400, '2024-01-15')
"""


def at_full(schema: str, table: str) -> str:
    return f"{FULL}{schema}.{table}"


def at_kept(name: str) -> Callable[[str, str], str]:
    return lambda _schema, table: f"{name}.{table}"


@pytest.fixture(scope="module")
def nights(new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    url = new_database()
    folder = tmp_path_factory.mktemp("dbt")
    kinds = [tuple(stream.split("__")) for stream in STREAMS]
    warehouse.prepare(url, kinds)  # type: ignore[arg-type]
    with pytest.MonkeyPatch.context() as patch, psycopg.connect(url, autocommit=True) as connection:
        for name, value in {**transform.environment(url), "LIFECYCLE_SCHEMA_PREFIX": ""}.items():
            patch.setenv(name, value)
        made = Warehouse(url, folder, connection, {})
        for prefix in ("", FULL):
            patch.setenv("LIFECYCLE_SCHEMA_PREFIX", prefix)
            made.manifests[prefix] = parsed(DBT_PROJECT, transform.variables(rules(), date(2024, 1, 1)))
        made.invoke("", date(2024, 1, 1), "seed")
        for schema, tables in {
            "raw": STREAMS,
            "seeds": ("exchange_rates", "person_merges"),
            "statistics": ("ruleset_version",),
        }.items():
            made.query(f"create schema {FULL}{schema}")
            for table in tables:
                made.query(f"create view {FULL}{schema}.{table} as select * from {schema}.{table}")
        made.query(VERSIONS)
        yield made


# --- any history -------------------------------------------------


# What fails is not made smaller, which would take an hour: it is printed, and kept for the next run.
@hypothesis(max_examples=EXAMPLES, phases=[Phase.reuse, Phase.generate])
@given(history=HISTORIES)
def test_any_history_of_nights_gives_what_a_full_build_gives(nights: Warehouse, history: History) -> None:
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
            nights.land(facts(town, 15))
            last_build = nights.last_build()
            nights.cut(town.today, cut)
            if cut.days_later and nights.last_build() != last_build:  # only what comes after stage_builds was cut off
                before = min(nights.last_build()[1], town.today)
                believed = nights.transitions(before)
        nights.land(facts(town, night.events))
        nights.build(town.today)
        if not nights.was_whole() and not any(cut.is_full_refresh for cut in night.cuts):
            _corrections_tell_what_changed(nights, believed, before, town.today)
        if number in {history.compared, len(history.nights) - 1}:
            nights.build_full(town.today)
            assert nights.differences(at_full) == {}
            nights.keep(f"on_{town.today:%Y%m%d}")
    _a_replay_gives_that_night_again(nights, dates[history.compared + 1], dates[-1])


def _corrections_tell_what_changed(
    nights: Warehouse, believed: dict[tuple[Any, ...], tuple[Any, ...]], before: date, run_date: date
) -> None:
    """What was believed of the days up to the night before, changed by tonight's corrections, is what now stands."""
    corrections = nights.query(
        "select subject_id, ruleset, occurred_on, believed_from_stage, believed_stage, from_stage, stage"
        " from marts.stage_corrections where known_on = %s",
        run_date,
    )
    unfinished = "known_on not in (select run_date from marts.stage_builds)"
    assert nights.query(f"select * from marts.stage_corrections where {unfinished}") == []
    for *border, believed_from, believed_stage, from_stage, stage in corrections:
        assert believed.pop(tuple(border), (None, None)) == (believed_from, believed_stage) != (from_stage, stage)
        if stage:
            believed[tuple(border)] = (from_stage, stage)
    assert believed == nights.transitions(before)


def _a_replay_gives_that_night_again(nights: Warehouse, earlier: date, last: date) -> None:
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


# --- cut builds --------------------------------------------------


@pytest.fixture(scope="module")
def standing(nights: Warehouse) -> tuple[Warehouse, Town]:
    """A town after a night; who uses it leaves it after a night."""
    town = Town(random.Random(5), people=30)  # noqa: S311
    nights.begin()
    nights.land(first_facts(town))
    nights.build(town.today, [*FOUNDATION, *SELECTED])
    return nights, town


def test_models_that_ask_for_their_streams_at_once_all_find_them(
    standing: tuple[Warehouse, Town], monkeypatch: pytest.MonkeyPatch
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


def test_a_cut_build_of_a_later_date_leaves_no_trace(standing: tuple[Warehouse, Town]) -> None:
    nights, town = standing
    nights.keep("before")
    nights.build(town.today + timedelta(days=20), UNFINISHED)
    assert nights.differences(at_kept("before"))
    nights.build(town.today)
    assert nights.differences(at_kept("before")) == {}


def test_merges_and_rates_that_only_a_cut_build_saw_leave_no_trace(standing: tuple[Warehouse, Town]) -> None:
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


def test_rules_that_only_a_cut_build_knew_leave_no_trace(standing: tuple[Warehouse, Town]) -> None:
    nights, town = standing
    nights.keep("before")
    nights.build(town.today, UNFINISHED, by=rules(currency="USD", at_risk=25))
    assert nights.differences(at_kept("before"))
    nights.build(town.today)
    assert nights.differences(at_kept("before")) == {}


def test_what_a_cut_full_refresh_saw_is_not_forgotten(standing: tuple[Warehouse, Town]) -> None:
    nights, town = standing
    nights.land(facts(town, 30))
    nights.build(town.today, FACTS_FIRST, "--full-refresh")
    nights.build(town.today)
    nights.build_full(town.today)
    assert nights.differences(at_full) == {}


def test_corrections_compare_with_the_last_finished_night_whatever_builds_were_cut(
    standing: tuple[Warehouse, Town],
) -> None:
    nights, town = standing
    before, believed = town.today, nights.transitions(town.today)
    town.today += timedelta(days=20)
    for days_later in (-40, 400, 0):
        nights.land(facts(town, 15))
        nights.build(town.today + timedelta(days=days_later), UNFINISHED)
    nights.land(facts(town, 15))
    nights.build(town.today)
    _corrections_tell_what_changed(nights, believed, before, town.today)


def test_a_repeated_night_knows_in_time_what_it_counts_at_last(standing: tuple[Warehouse, Town]) -> None:
    """What its first build missed of its own days is not late, and what that one took back stands as before."""
    nights, town = standing
    before, believed = town.today, nights.transitions(town.today)
    town.today += timedelta(days=30)
    orders = [row[0] for row in nights.query("select id from raw.woocommerce__orders where not is_deleted")]
    _delete(nights, orders, is_deleted=True)
    nights.build(town.today)
    _corrections_tell_what_changed(nights, dict(believed), before, town.today)
    _delete(nights, orders, is_deleted=False)
    _purchases_of_everybody(nights, before)
    nights.build(town.today)
    _corrections_tell_what_changed(nights, believed, before, town.today)
    entered = "select cause from intermediate.int_stage_intervals where valid_from > %s and valid_from <= %s"
    assert ("purchase",) in nights.query(entered, before, town.today)


def _delete(nights: Warehouse, orders: list[str], *, is_deleted: bool) -> None:
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


def _intervals(nights: Warehouse) -> set[tuple[Any, ...]]:
    rows = nights.query(
        "select ruleset, valid_from, subject_id, stage, previous_stage, cause, ruleset_version, purchase_days_before"
        " from intermediate.int_stage_intervals"
    )
    return {tuple(row) for row in rows}


def test_later_purchases_change_no_interval_that_has_begun(standing: tuple[Warehouse, Town]) -> None:
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


def _purchases_of_everybody(nights: Warehouse, after: date) -> None:
    """Five further orders of all who have one, at a pace of their own."""
    nights.query(
        """
        insert into raw.woocommerce__orders (id, source, doc, loaded_at)
        select id || '/' || number, source,
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
    )


def test_fifty_thousand_orders_of_one_person_are_counted(nights: Warehouse) -> None:
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
