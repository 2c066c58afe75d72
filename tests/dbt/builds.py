"""A copy of the dbt project with seeds of its own, on a database of its own: land documents, build, read the marts."""

import csv
import json
import os
import shutil
from collections.abc import Iterable
from dataclasses import astuple, dataclass, field
from pathlib import Path
from typing import Any

import hypothesis
import psycopg
from dbt.artifacts.schemas.run import RunExecutionResult
from dbt.cli.main import dbtRunner
from psycopg import sql
from psycopg.rows import dict_row

from lifecycle import transform, warehouse
from lifecycle.settings import DBT_PROJECT, Measuring
from tests.dbt.documents import CURRENCIES, OPT_IN_LISTS, ZONES, Documents, Night
from tests.dbt.manifests import parsed
from tests.dbt.recount import AUDIENCES, CONTACT_CAP, HOUSE_ZONE, RULESETS, Kept, uuid_of

MARTS = (
    "persons",
    "identity_map",
    "purchase_days",
    "stage_intervals",
    "account_stage_intervals",
    "stage_transitions",
    "stage_corrections",
    "stage_builds",
    "stage_daily",
    "customers",
    "accounts",
    "audience_decisions",
    "audience_members",
    "contact_fields",
    "consent_evidence",
    "unassigned_orders",
)


IS_THOROUGH = hypothesis.settings.get_current_profile_name() == "thorough"

RUN = """
with accounts as (
    insert into delivery.account (destination, is_current)
    select destination, true from (values ('sendgrid'), ('brevo')) as known (destination)
    where not exists (select from delivery.run)
    returning account_id, destination
)
insert into delivery.run (run_date, destination, account_id)
select '2017-01-01', destination, account_id from accounts where destination = 'sendgrid'
"""
#: Some of them at one provider, some at another.
STAY = """
insert into delivery.membership (account_id, person_id, list_name, entered_on, left_on, entered_run, left_run)
select case when %s < '8' then 1 else 2 end, person_id, list_name, entered_on, left_on, run_id,
    case when left_on is not null then run_id end
from (values (%s::uuid, %s::text, %s::date, %s::date)) as stays (person_id, list_name, entered_on, left_on)
cross join delivery.run
"""
DECISION = """
insert into delivery.decision
    (audience, person_id, outcome, exclusion, since_on, until_on, reason, since_run, until_run)
select decisions.*, 'by hand', run_id, case when until_on is not null then run_id end
from (values (%s::text, %s::uuid, %s::text, %s::text, %s::date, %s::date))
    as decisions (audience, person_id, outcome, exclusion, since_on, until_on)
cross join delivery.run
"""


def build(*models: str, is_tested: bool = False) -> list[str]:
    """How to build these models and those before them; in a thorough run, everything, with dbt's data tests."""
    left_out = ["unit_test"] if is_tested or IS_THOROUGH else ["unit_test", "test"]
    select = ["--indirect-selection", "cautious", "--select"]  # a data test also needs the other model that it names
    selected = [] if IS_THOROUGH or not models else [*select, *(f"+{model}" for model in models)]
    return ["build", *(word for kind in left_out for word in ("--exclude-resource-type", kind)), *selected]


def variables(night: Night) -> dict[str, Any]:
    """The marketer's file of a night."""
    shops = {
        name: {
            "kind": "woocommerce",
            "connection": name,
            "timezone": zone,
            "currency": CURRENCIES[name],
            "paid_statuses": ["completed", "processing"] if name == "ny" else ["completed"],
            "zero_value_orders_count": name == "zh",
            "test_payment_methods": ["bogus"] if name == "ny" else [],
            "consent_field": "newsletter",
            "account_field": "company",
        }
        for name, zone in ZONES.items()
    }
    rulesets = {
        name: {
            "kind": "fixed",
            "customers": "b2b" if name == "companies" else "all",
            "new": {"max_days": night.max_days},
            "at_risk": {"after_days": at_risk},
            "lapsed": {"after_days": lapsed},
            "lost": {"after_days": lost},
        }
        for name, (at_risk, lapsed, lost) in RULESETS.items()
    }
    main, *additional = (
        (name, {"kind": "sendgrid", "connection": name, "opt_in_lists": [opt_in_list]})
        for name, opt_in_list in OPT_IN_LISTS.items()
    )
    lifecycle = {
        "timezone": HOUSE_ZONE,
        "currency": "USD",
        "shops": shops,
        "esp": main[1],
        "additional_esps": dict(additional),
        "stages": {"rulesets": rulesets},
        "vip": {"share": 0.1, "by": night.by},
        "engagement": {"engaged_days": 90},
        "consent": {"existing_customers": True},
        "audiences": AUDIENCES,
        "contact_cap": CONTACT_CAP,
        "measuring": Measuring().model_dump(),
    }
    return {"run_date": night.run_date.isoformat(), "lifecycle": lifecycle}


@dataclass(frozen=True)
class Warehouse:
    """One database and the project that is built in it."""

    url: str
    folder: Path
    #: What dbt has read of the project: reading it takes longer than building it.
    manifests: list[Any] = field(default_factory=list)

    @property
    def project(self) -> Path:
        return self.folder / "project"

    def prepare(self) -> None:
        """Copy the project and make what the delivery keeps; ``raw`` stays without the streams that nobody lands."""
        shutil.copytree(DBT_PROJECT, self.project, ignore=shutil.ignore_patterns("target", "logs"))
        os.environ |= transform.environment(self.url)
        warehouse.prepare(self.url, [])

    def land(self, documents: Documents, loaded_at: str) -> None:
        """Only what has changed gets the new ``loaded_at``; what has vanished is marked."""
        with psycopg.connect(self.url) as connection:
            for stream, landed in documents.items():
                _land(connection, sql.Identifier("raw", stream), landed, loaded_at)

    def keep(self, kept: Kept) -> None:
        """Write what the delivery would have kept, as of one run."""
        with psycopg.connect(self.url) as connection:
            connection.execute("truncate delivery.membership, delivery.decision")
            connection.execute(RUN)
            cursor = connection.cursor()
            cursor.executemany(STAY, [(stay.person_id.hex[0], *astuple(stay)) for stay in kept.stays])
            cursor.executemany(DECISION, [astuple(decision) for decision in kept.decisions])

    def sow(self, night: Night) -> None:
        """Write the seeds that people edit."""
        self._write("exchange_rates", ["currency", "valid_from", "rate"], night.rates)
        pairs = ((uuid_of(merged), uuid_of(survivor), "2017-09-01") for merged, survivor in night.merges.items())
        self._write("person_merges", ["person_id", "surviving_person_id", "decided_on"], pairs)

    def _write(self, seed: str, header: list[str], rows: Iterable[Iterable[object]]) -> None:
        with (self.project / "seeds" / f"{seed}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([header, *rows])

    def dbt(self, command: str, *arguments: str, variables: dict[str, Any]) -> list[str]:
        """Run dbt; return the nodes that failed, with their messages."""
        result = self._invoke(command, *arguments, variables=variables)
        nodes = result.result.results if isinstance(result.result, RunExecutionResult) else []
        failed = [f"{row.node.name}: {row.message}" for row in nodes if row.status in {"error", "fail"}]
        return failed or ([] if result.success else [str(result.exception)])

    def compiled(self, text: str, variables: dict[str, Any]) -> str:
        """What dbt makes of a text with macros."""
        result = self._invoke("compile", "--inline", text, variables=variables)
        assert result.success, result.exception
        return str(result.result.results[0].node.compiled_code)

    def _invoke(self, command: str, *arguments: str, variables: dict[str, Any]) -> Any:
        project = ["--project-dir", str(self.project), "--profiles-dir", str(self.project)]
        output = ["--target-path", str(self.folder / "target"), "--log-path", str(self.folder)]
        silence = ["--quiet", "--log-level-file", "none", "--no-write-json"]  # nobody reads what it would write
        options = [*project, *output, *silence, "--vars", json.dumps(variables)]
        if not self.manifests:
            self.manifests.append(parsed(self.project, variables))
        return dbtRunner(manifest=self.manifests[0]).invoke([command, *arguments, *options])

    def execute(self, statement: str) -> None:
        with psycopg.connect(self.url) as connection:
            connection.execute(statement.encode())

    def marts(self) -> dict[str, list[dict[str, Any]]]:
        with psycopg.connect(self.url, row_factory=dict_row) as connection:
            statements = {name: sql.SQL("select * from {}").format(sql.Identifier("marts", name)) for name in MARTS}
            return {name: connection.execute(statement).fetchall() for name, statement in statements.items()}


def _land(connection: psycopg.Connection, table: sql.Identifier, landed: dict[str, Any], loaded_at: str) -> None:
    connection.execute(
        sql.SQL("""
        create table if not exists {} (
            id text primary key, source text, cursor_at timestamptz, doc jsonb, loaded_at timestamptz,
            is_deleted boolean)""").format(table)
    )
    put = sql.SQL("""
        insert into {table} as known values (%s, %s, null, %s, %s, %s) on conflict (id) do update
        set doc = excluded.doc, loaded_at = excluded.loaded_at, is_deleted = excluded.is_deleted
        where (known.doc, known.is_deleted) is distinct from (excluded.doc, excluded.is_deleted)""")
    rows = [
        (key, key.split("/")[0], json.dumps(document), loaded_at, document.get("deleted", False))
        for key, document in landed.items()
    ]
    connection.cursor().executemany(put.format(table=table), rows)
    gone = sql.SQL("update {} set is_deleted = true, loaded_at = %s where not is_deleted and not id = any(%s)")
    connection.execute(gone.format(table), [loaded_at, list(landed)])
