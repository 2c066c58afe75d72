"""The derivation of stages against what else one could do with the same rows: ``make bench NAME=stages``.

A shop of ``PERSONS`` with realistic gaps between purchases, and a quarter of it, are put where staging leaves orders;
the project's own dbt derives them, from the judged order to the daily counts. *Database time* is what the server
counts as active (``pg_stat_database.active_time``), so neither dbt's start nor its parsing is in it; both are shown.

Ratios, all from one run:

- ``full_vs_sql``: intervals with all that a transition needs, their constraints, movement counts and statistics, over
  the fastest single statement that gives the same rows (checked to be the same);
- ``changed_1pct_vs_full``, ``unchanged_vs_full``: a night on which 1 % of the persons change, or none, over all;
- ``history_4x_vs_1x``: the same number of changes in four times the history;
- ``daily_counts_vs_join``: three years' daily counts from the intervals' borders, over joining persons with days.

For comparison, on the same rows: pandas by group and apply, and a dbt snapshot of one night.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import psycopg
import yaml

from bench import _rivals as rivals
from demo import postgres
from lifecycle import extract, settings, transform

PERSONS = 400_000
LAST_DAY = date(2025, 12, 31)
YEARS = 3
HOME = Path("build/bench/postgres")
TARGET = Path("build/bench/dbt").resolve()
CHANGES = 0.01
#: What a build and a night tell beside the seconds of each model.
TOTALS = ("database", "elapsed", "peak_mb", "derived")

#: From the judged order to the daily counts: what a night derives of stages.
SELECTED = [
    "int_shop_orders",
    "int_shop_customers",
    "int_esp_contacts",
    "int_esp_list_members",
    "int_dirty_subjects",
    "int_changed_orders",
    "int_orders",
    "int_identity_events",
    "int_applied_rates",
    "int_applied_merges",
    "int_affected_subjects",
    "int_persons",
    "purchase_days",
    "int_purchase_totals",
    "int_latest_orders",
    "int_stage_movements",
    "int_believed_stages",
    "stage_corrections",
    "int_stage_intervals",
    "stage_intervals",
    "stage_transitions",
    "stage_daily",
    "stage_builds",
]

ORDERS = """
insert into staging.stg_woocommerce__orders (order_id, shop, status, is_draft, currency, billing_email, total, refunded,
    has_unreadable_money, created_at, loaded_at, is_deleted, guest_identity_id)
with people as (
    select person,
        date '{last_day}' - floor(random() * 365 * {years})::int as first_day,
        exp(3.55 + 0.85 * sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random())) as mean_gap,
        1 + floor(ln(1 - random()) / ln({lasting}))::int as purchases
    from generate_series(1, {persons}) as person
),
paced as (
    select person, first_day, number,
        sum(case when number > 1 then ceil(-ln(1 - random()) * mean_gap) else 0 end)
            over (partition by person order by number)::int as days
    from people cross join lateral generate_series(1, purchases) as number
)
select 'bench/' || person || '/' || number, 'bench', 'completed', false, 'CHF', 'p' || person || '@example.com',
    round((random() * 100 + 1)::numeric, 2), 0, false, (first_day + days) + interval '12 hours', '{last_day}', false,
    md5('email:' || person)::uuid
from paced
where first_day + days <= date '{last_day}'
order by first_day + days
"""

# One purchase today for most of them; late orders and refunds for the others.
CHANGED = """
with concerned as (
    select distinct on (guest_identity_id) *
    from staging.stg_woocommerce__orders
    where abs(hashtext(guest_identity_id::text || '{night}')) % {one_in} = 0
    order by guest_identity_id, created_at desc
),
refunds as (
    update staging.stg_woocommerce__orders as orders
    set refunded = orders.total, loaded_at = '{night}'
    from concerned
    where orders.order_id = concerned.order_id and abs(hashtext(concerned.order_id)) % 10 = 0
)
insert into staging.stg_woocommerce__orders (order_id, shop, status, is_draft, currency, billing_email, total, refunded,
    has_unreadable_money, created_at, loaded_at, is_deleted, guest_identity_id)
select order_id || '/{night}', shop, status, false, currency, billing_email, total, 0, false,
    case when abs(hashtext(order_id)) % 10 = 1 then created_at - interval '9 days'
        else '{night}'::date + interval '12 hours' end,
    '{night}', false, guest_identity_id
from concerned
where abs(hashtext(order_id)) % 10 > 0
"""


@dataclass
class Shop:
    """A generated shop in a database of its own."""

    url: str
    night: date = LAST_DAY

    def query(self, statement: str) -> Any:
        """Run a statement; its first value, if it gives any."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            row = cursor.fetchone() if cursor.description else None
            return row[0] if row else None

    def active(self) -> float:
        """Seconds that the server has worked in this database; it tells them of a client when that is gone."""
        while self.query("select count(*) from pg_stat_activity where datname = current_database()") > 1:
            time.sleep(0.05)
        return float(self.query("select active_time / 1000 from pg_stat_database where datname = current_database()"))

    def timed(self, *statements: str) -> float:
        """Seconds that statements take."""
        began = time.perf_counter()
        for statement in statements:
            self.query(statement)
        return time.perf_counter() - began

    def build(self, *selected: str) -> dict[str, float]:
        """Let dbt build; seconds of database time, seconds in all, and seconds of each model."""
        before, began = self.active(), time.perf_counter()
        run = [sys.executable, "-m", "bench._build", self.night.isoformat(), str(TARGET), *selected]
        process = subprocess.Popen(run, env={**os.environ, **transform.environment(self.url)})  # noqa: S603 - our own
        _, status, used = os.wait4(process.pid, 0)
        if status:
            sys.exit("dbt could not build")
        results = json.loads((TARGET / "run_results.json").read_text())["results"]
        models = {result["unique_id"].split(".")[-1]: float(result["execution_time"]) for result in results}
        elapsed = time.perf_counter() - began
        return {**models, "database": self.active() - before, "elapsed": elapsed, "peak_mb": used.ru_maxrss / 1024}

    def next_night(self, changed_persons: int = 0, selected: Sequence[str] = SELECTED) -> dict[str, float]:
        """Move to the next day, on which so many persons change, and build."""
        self.night += timedelta(days=1)
        if changed_persons:
            persons = self.query("select count(*) from intermediate.int_persons")
            self.query(CHANGED.format(night=self.night, one_in=max(1, round(persons / changed_persons))))
            self.query("analyze staging.stg_woocommerce__orders")
        figures = self.build(*selected)
        derived = self.query("select persons from marts.stage_builds order by build_id desc limit 1")
        if derived < changed_persons / 2:
            sys.exit(f"{changed_persons} persons changed, only {derived} were derived")
        return {**figures, "derived": derived}


def shop(name: str, persons: int, lasting: float = 0.963) -> Shop:
    """Make a shop: an empty warehouse as dbt lays it out, and the orders of so many persons.

    ``lasting`` is the share of customers who buy once more, after each purchase.
    """
    made = Shop(postgres.create_database(HOME, name))
    extract.prepare(made.url)
    made.build("path:seeds", "path:models/staging")
    with psycopg.connect(made.url, autocommit=True) as connection:
        connection.execute("select setseed(0.42)")
        connection.execute(ORDERS.format(last_day=LAST_DAY, years=YEARS, persons=persons, lasting=lasting).encode())
        connection.execute("vacuum analyze staging.stg_woocommerce__orders")
    return made


def rules() -> settings.Settings:
    """The shipped rules, on the generated shop."""
    document = yaml.safe_load((settings.DBT_PROJECT / "vars.yml").read_text())["vars"]["lifecycle"]
    (woocommerce,) = document["shops"].values()
    document |= {"shops": {"bench": {**woocommerce, "currency": "CHF", "timezone": "UTC"}}, "currency": "CHF"}
    return settings.parse(document | {"timezone": "UTC"})


def run(name: str, persons: int, measured: Callable[[int], dict[str, Any]]) -> None:
    """Measure on a server of its own, ``persons`` unless somebody says otherwise; print the table, write the result."""
    parser = argparse.ArgumentParser(prog=f"bench.{name}")
    parser.add_argument("--persons", type=int, default=persons)
    persons = parser.parse_args().persons
    postgres.remove(HOME)
    postgres.start(HOME)
    result = measured(persons)
    postgres.remove(HOME)
    for figure, value in result.items():
        sys.stdout.write(f"{figure:<28}{value:>16,}\n")
    Path(f"build/bench/{name}.json").write_text(json.dumps(result, indent=2) + "\n")


def measured(persons: int) -> dict[str, Any]:
    """All figures."""
    quarter, whole = shop("quarter", persons // 4), shop("whole", persons)
    full_quarter, full = quarter.build(*SELECTED), whole.build(*SELECTED)
    plain = rivals.single_statement(whole)
    changed = whole.next_night(round(persons * CHANGES))
    unchanged = whole.next_night()
    few = round(persons * CHANGES / 4)
    short_history, long_history = quarter.next_night(few), whole.next_night(few)
    counts, join = rivals.daily_counts(whole), rivals.persons_by_days(whole)
    return {
        "persons": persons,
        "orders": whole.query("select count(*) from intermediate.int_orders"),
        "intervals": whole.query("select count(*) from intermediate.int_stage_intervals"),
        "full_seconds": round(full["database"], 1),
        "intervals_seconds": round(full["int_stage_intervals"] + full["stage_transitions"], 1),
        "single_statement_seconds": round(plain, 1),
        "changed_1pct_derived": changed["derived"],
        "changed_1pct_seconds": round(changed["database"], 2),
        "changed_1pct_elapsed": round(changed["elapsed"], 1),
        "unchanged_seconds": round(unchanged["database"], 2),
        "unchanged_elapsed": round(unchanged["elapsed"], 1),
        "pandas_seconds": round(rivals.pandas_groups(whole), 1),
        "dbt_snapshot_seconds": round(rivals.dbt_snapshot(whole), 1),
        "python_peak_mb": round(full["peak_mb"]),
        "python_peak_mb_quarter": round(full_quarter["peak_mb"]),
        "full_vs_sql": round((full["int_stage_intervals"] + full["stage_transitions"]) / plain, 3),
        "changed_1pct_vs_full": round(changed["database"] / full["database"], 4),
        "unchanged_vs_full": round(unchanged["database"] / full["database"], 4),
        "history_4x_vs_1x": round(long_history["database"] / short_history["database"], 3),
        "daily_counts_vs_join": round(counts / join, 4),
    }


if __name__ == "__main__":
    run("stages", PERSONS, measured)
