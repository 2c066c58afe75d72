"""The models that derive stages, built night after night in one warehouse, and from nothing beside it."""

import json
import os
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import psycopg
import pytest
from dbt.cli.main import dbtRunner

from lifecycle import settings, transform, warehouse
from lifecycle.settings import DBT_PROJECT, Settings
from tests.dbt.histories import BEGIN, OPT_IN_LISTS, SHOPS, STREAMS, Cut, Facts
from tests.dbt.manifests import parsed

#: Before the schemas of what is built from nothing.
FULL = "second_"
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
class StageWarehouse:
    """One database in which nights follow each other, and where the same ``raw`` is built from nothing beside it."""

    url: str
    folder: Path
    connection: psycopg.Connection[Any] = field(repr=False)
    manifests: dict[str, Any] = field(repr=False)

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
        names = []
        while order.is_active():
            ready = sorted(order.get_ready())
            dice.shuffle(ready)
            order.done(*ready)
            names += [selected[key].name for key in ready if key in selected]
        return names

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
        differing = {}
        for table, condition in where.items():
            ours, theirs = f"{COMPARED[table]}.{table}", other(COMPARED[table], table)
            now, then = (f"select * from {side} where {condition}" for side in (ours, theirs))
            rows = self.query(
                f"select '+', * from ({now} except all {then}) as extra"
                f" union all select '-', * from ({then} except all {now}) as missing"
            )
            if rows:
                differing[table] = rows[:6]
        return differing

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


@contextmanager
def stage_warehouse(url: str, folder: Path) -> Iterator[StageWarehouse]:
    """A warehouse before its first night, with views of its facts for the schemas beside it."""
    warehouse.prepare(url, [tuple(stream.split("__")) for stream in STREAMS])  # type: ignore[misc]
    with pytest.MonkeyPatch.context() as patch, psycopg.connect(url, autocommit=True) as connection:
        for name, value in {**transform.environment(url), "LIFECYCLE_SCHEMA_PREFIX": ""}.items():
            patch.setenv(name, value)
        made = StageWarehouse(url, folder, connection, {})
        for prefix in ("", FULL):
            patch.setenv("LIFECYCLE_SCHEMA_PREFIX", prefix)
            made.manifests[prefix] = parsed(DBT_PROJECT, transform.variables(rules(), BEGIN))
        made.invoke("", BEGIN, "seed")
        for schema, tables in {
            "raw": STREAMS,
            "seeds": ("exchange_rates", "person_merges"),
            "statistics": ("ruleset_version",),
            "delivery": ("former_person",),
        }.items():
            made.query(f"create schema {FULL}{schema}")
            for table in tables:
                made.query(f"create view {FULL}{schema}.{table} as select * from {schema}.{table}")
        one_form = "normalized_email(email text) returns text return raw.normalized_email(email)"
        made.query(f"create function {FULL}raw.{one_form}")
        made.query(VERSIONS)
        yield made


def corrections_tell_what_changed(
    nights: StageWarehouse, believed: dict[tuple[Any, ...], tuple[Any, ...]], before: date, run_date: date
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
