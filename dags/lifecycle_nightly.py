"""The lifecycle of every customer, every night.

Pull shop and e-mail data, derive every person's lifecycle stage, check it, and bring the audiences into the e-mail
service provider. Every task can be killed and repeated at any moment; a run can be repeated for its date.

**Schedule**: the marketer's file (`schedule`, in the house's zone). A scheduled run covers the business day before.

**Parameter** `run_date`: the night of another date. Without it, the run's logical date counts.

**When it fails**: the failed task's message says what a person has to do. A source that is down stops the delivery,
not the stages; a gate or a guard that stops the night leaves the provider as it was. Clear the failed task to go on.
"""

import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from airflow.sdk import Asset, TriggerRule, dag, get_current_context, task
from airflow.timetables.trigger import CronTriggerTimetable

from airflow_context import RUN_DATE, SETTINGS, TRY_AGAIN, WAREHOUSE, connection, run_date, warehouse
from lifecycle.settings import DBT_PROJECT


def destination() -> Any:
    """The provider, with the lists and fields that the audiences need."""
    from importlib import import_module

    provider = import_module(f"lifecycle.destinations.{SETTINGS.esp.kind}")
    lists = [audience.list for audience in SETTINGS.audiences.values()]
    return provider.connect(connection(SETTINGS.esp.connection), lists, SETTINGS.custom_fields())


@task
def prepare() -> None:
    """Make the schemas and tables that are not dbt's."""
    from lifecycle import extract

    extract.prepare(warehouse())


@task(map_index_template="{{ source }}")
def extract(source: str) -> dict[str, int]:
    """Pull what changed at one source."""
    from lifecycle import extract as room

    get_current_context()["source"] = source
    about = SETTINGS.sources()[source]
    return room.run(warehouse(), source, about, connection(about.connection), run_date())


def gate(name: Literal["raw", "marts"]) -> dict[str, int]:
    """Run one gate's checks."""
    from lifecycle import quality

    return quality.run(warehouse(), name, run_date(), SETTINGS)


@task(trigger_rule=TriggerRule.ALL_DONE)
def declare_rules() -> int:
    """Give the file's rule sets their versions.

    Stages are derived from what is there, whatever the sources' gate says; only the delivery waits for it.
    """
    from lifecycle.calibrate import rules

    return rules.declare(warehouse(), SETTINGS, run_date())


@task
def transform() -> None:
    """Build and test every model in one go."""
    from lifecycle import quality
    from lifecycle import transform as room

    quality.store_dbt(warehouse(), room.run(warehouse(), SETTINGS, run_date()), run_date())


def transform_by_model(manifest: str) -> Any:
    """Build and test every model, each as a task of its own that can be looked at and run again."""
    from cosmos import DbtTaskGroup, ExecutionConfig, ProfileConfig, ProjectConfig, RenderConfig
    from cosmos.constants import PRODUCER_WATCHER_TASK_ID, ExecutionMode, InvocationMode, LoadMode
    from cosmos.profiles import PostgresUserPasswordProfileMapping

    from lifecycle import transform as room

    def builds_again(context: Any) -> None:
        # Cosmos would skip the second try of a build and start a dbt for each model, which takes many times as long
        if context["task"].task_id.endswith(PRODUCER_WATCHER_TASK_ID):
            context["ti"].try_number = 1

    def keep_results(project: str, *, context: Any, **_: Any) -> None:
        from lifecycle import quality

        results = Path(project) / "target" / "run_results.json"
        whole = context["task"].task_id.endswith(PRODUCER_WATCHER_TASK_ID)
        quality.store_dbt(warehouse(), results, run_date(), whole=whole)

    login = PostgresUserPasswordProfileMapping(WAREHOUSE, profile_args={"schema": "marts", "threads": 2})
    return DbtTaskGroup(
        group_id="transform",
        project_config=ProjectConfig(DBT_PROJECT, manifest_path=manifest, install_dbt_deps=False),
        profile_config=ProfileConfig("lifecycle", "warehouse", profile_mapping=login),
        execution_config=ExecutionConfig(ExecutionMode.WATCHER, InvocationMode.DBT_RUNNER),
        render_config=RenderConfig(load_method=LoadMode.DBT_MANIFEST, exclude=["resource_type:unit_test"]),
        operator_args={
            "vars": {**room.variables(SETTINGS, date.min), "run_date": "{{ run_date() }}"},
            "callback": keep_results,
            "pre_execute": builds_again,
        },
    )


@task
def settle() -> int:
    """Ask about what an earlier night left open."""
    from lifecycle import deliver

    return deliver.settle(warehouse(), destination())


@task
def plan() -> int:
    """Desired minus confirmed, and the guards."""
    from lifecycle import plan as room

    return room.run(warehouse(), SETTINGS.esp.kind, run_date(), SETTINGS)


@task
def deliver(planned: int) -> dict[str, int]:
    """Send, confirm, put refused rows aside."""
    from lifecycle import deliver as room

    return room.run(warehouse(), destination(), planned)


@task
def reconcile(planned: int) -> dict[str, int]:
    """Read the lists back and compare."""
    from lifecycle import reconcile as room

    return room.run(warehouse(), destination(), planned, [audience.list for audience in SETTINGS.audiences.values()])


@task(outlets=[Asset("lifecycle://night")])
def publish(planned: int, delivered: dict[str, int]) -> None:
    """Store the night's figures."""
    from lifecycle import publish as room

    room.run(warehouse(), planned, run_date(), list(SETTINGS.stages.rulesets)[-1], delivered)


@dag(
    schedule=CronTriggerTimetable(SETTINGS.schedule, timezone=SETTINGS.timezone, interval=timedelta(days=1)),
    start_date=datetime(2015, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    user_defined_macros={"run_date": lambda: run_date().isoformat()},
    params={"run_date": RUN_DATE},
    default_args=TRY_AGAIN,
    tags=["lifecycle"],
)
def lifecycle_nightly() -> None:
    """The whole night, top to bottom."""
    sources = extract.expand(source=list(SETTINGS.sources()))
    gate_raw = task(gate, task_id="gate_raw", trigger_rule=TriggerRule.ALL_DONE)("raw")
    manifest = os.environ.get("LIFECYCLE_DBT_MANIFEST")
    stages = transform_by_model(manifest) if manifest else transform()
    gate_marts = task(gate, task_id="gate_marts")("marts")
    planned = plan()
    delivered = deliver(planned)

    prepare() >> sources >> gate_raw >> declare_rules() >> stages >> gate_marts >> settle() >> planned >> delivered
    gate_raw >> planned
    delivered >> reconcile(planned) >> publish(planned, delivered)


lifecycle_nightly()
