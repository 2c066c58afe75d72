"""The lifecycle of every customer, every night.

Pull shop and e-mail data, derive every person's lifecycle stage, check it, and bring the audiences into the e-mail
service provider. Every task can be killed and repeated at any moment; a run can be repeated for its date.

**Schedule**: the marketer's file (`schedule`, in the house's zone). A scheduled run covers the business day before.

**Parameters** `run_date`: the night of another date; without it, the run's logical date counts. `dry_run`: plan and
send nothing; the plan stands in `delivery.plan_detail`. `repair`: take the provider's word for what it holds, so that
the plan brings back what was lost there. `ask`: whether a tripped guard asks for an approval or ends the night;
without a word it asks, but under `airflow dags test`, where nobody can answer.

**When a guard trips**, the task `approve` waits for an answer ("Required actions" in Airflow). No answer means no.

**When it fails**: the failed task's message says what a person has to do. A source that is down stops the delivery,
not the stages; a gate or a guard that stops the night leaves the provider as it was. Clear the failed task to go on.
"""

import os
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path, PurePath
from typing import Any, Literal

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Asset, BaseOperatorLink, Param, TriggerRule, dag, get_current_context, task
from airflow.sdk.exceptions import AirflowNotFoundException, AirflowSkipException
from airflow.timetables.trigger import CronTriggerTimetable

from airflow_context import PAGE, RUN_DATE, SETTINGS, TRY_AGAIN, WAREHOUSE, connection, run_date, warehouse
from lifecycle.settings import DBT_PROJECT
from lifecycle_plugin import ADDRESS

LISTS = [audience.list for audience in SETTINGS.audiences.values()]
APPROVE, REJECT = "Approve", "Reject"
PARAMETERS = {
    "run_date": RUN_DATE,
    "dry_run": Param(default=False, type="boolean", description="Plan only: send nothing"),
    "repair": Param(default=False, type="boolean", description="Bring back what was changed at the provider by others"),
    "ask": Param(
        None, type=["null", "boolean"], description="Ask for an approval when a guard trips, or end the night"
    ),
}


def destination(*, prepared: bool = False) -> Any:
    """The provider; ``prepared``: with the lists and fields that the audiences need, made where they are missing."""
    from importlib import import_module

    about = SETTINGS.push_to()
    provider = import_module(f"lifecycle.destinations.{about.kind}")
    needed = (LISTS, SETTINGS.custom_fields()) if prepared else ([], {})
    return provider.connect(connection(about.connection), *needed)


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
    """Give the file's rule sets their versions, once the catalogue of contact scenarios fits the file.

    Stages are derived from what is there, whatever the sources' gate says; only the delivery waits for it.
    """
    from lifecycle.calibrate import rules
    from lifecycle.settings import scenarios

    scenarios.check(SETTINGS)
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
    from lifecycle import deliver, reconcile

    asked = deliver.settle(warehouse(), destination())
    if get_current_context()["params"]["repair"]:
        reconcile.adopt(warehouse(), destination(), run_date(), LISTS)
    return asked


@task(multiple_outputs=True)
def plan() -> dict[str, Any]:
    """Desired minus confirmed, and the guards; ``question`` tells the plan's figures to whom has to approve it."""
    from lifecycle import plan as room

    url, is_dry_run = warehouse(), get_current_context()["params"]["dry_run"]
    run_id = room.run(url, run_date(), SETTINGS, is_dry_run=is_dry_run)
    return {"run_id": run_id, "question": room.question(url, run_id)}


@task.branch
def route(planned: int) -> str:
    """Send the plan, ask for an approval first, or leave it at the plan."""
    from lifecycle import plan as room
    from lifecycle.errors import GuardTripped

    if get_current_context()["params"]["dry_run"]:
        return "publish"
    stopped_by, ask = room.stopped_by(warehouse(), planned), get_current_context()["params"]["ask"]
    if stopped_by and not (sys.argv[1:3] != ["dags", "test"] if ask is None else ask):
        message = f"run {planned} is stopped before the first call: {stopped_by}"
        raise GuardTripped(message)
    return "approve" if stopped_by else "deliver"


@task.branch
def answer(planned: int, reply: dict[str, Any]) -> str:
    """Record who approved or rejected the plan; without an approval nothing is sent."""
    from lifecycle import plan as room

    who = reply.get("responded_by_user")
    is_approved = reply["chosen_options"] == [APPROVE]
    room.answer(warehouse(), planned, by=who["name"] if who else None, is_approved=is_approved)
    return "deliver" if is_approved else "publish"


@task(trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS)
def deliver(planned: int) -> dict[str, int]:
    """Send, confirm, put refused rows aside."""
    from lifecycle import deliver as room

    return room.run(warehouse(), destination(prepared=True), planned)


@task
def reconcile(planned: int) -> dict[str, int]:
    """Read the lists back and compare."""
    from lifecycle import reconcile as room

    return room.run(warehouse(), destination(), planned, LISTS)


@task(outlets=[Asset("lifecycle://night")], trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS)
def publish(planned: int) -> None:
    """Store the night's figures, and forget what is older than it is to be kept."""
    from lifecycle import publish as room

    room.run(warehouse(), planned, run_date(), list(SETTINGS.stages.rulesets)[-1])
    room.forget(warehouse(), run_date(), SETTINGS.keep_deliveries_days)


class ReportOfTheNight(BaseOperatorLink):  # type: ignore[misc] # mypy does not follow Airflow
    """A button on the task ``report``, in Airflow."""

    name = "Report of the night"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:  # noqa: ARG002 - as Airflow calls it
        """The page at which the file is shown, of a task that wrote one."""
        from airflow.sdk.execution_time.xcom import XCom

        place = XCom.get_value(ti_key=ti_key, key="return_value")
        return f"{ADDRESS}/reports/{PurePath(place).stem.removeprefix('lifecycle-')}" if place else ""


@task
def report() -> str:
    """Write the night's page as a file, whatever became of the delivery; returns its place."""
    from lifecycle.page import report as room

    try:
        url = connection(PAGE).database_url()
    except AirflowNotFoundException:
        message = f"no report without the connection {PAGE}, the page's own login; docs/page.md says how to make it"
        raise AirflowSkipException(message) from None
    return room.write(url, SETTINGS, run_date())


@dag(
    schedule=CronTriggerTimetable(SETTINGS.schedule, timezone=SETTINGS.timezone, interval=timedelta(days=1)),
    start_date=datetime(2015, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    user_defined_macros={"run_date": lambda: run_date().isoformat()},
    params=PARAMETERS,
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
    planned = plan()["run_id"]
    approve = HITLOperator(
        task_id="approve",
        subject="The plan of {{ run_date() }} exceeds its limits: send it all the same?",
        body="{{ ti.xcom_pull(task_ids='plan', key='question') }}",
        options=[APPROVE, REJECT],
        defaults=REJECT,
        response_timeout=timedelta(hours=SETTINGS.guards.approve_within_hours),
    )
    routed, answered, delivered, published = (
        route(planned),
        answer(planned, approve.output),
        deliver(planned),
        publish(planned),
    )

    prepare() >> sources >> gate_raw >> declare_rules() >> stages >> gate_marts >> settle() >> planned
    gate_raw >> planned
    routed >> [approve, delivered, published]
    answered >> [delivered, published]
    delivered >> reconcile(planned) >> published

    reported = report()
    reported.operator.operator_extra_links = [ReportOfTheNight()]
    # as a teardown it runs after failures too, and publish alone tells whether the night has succeeded
    published >> reported.as_teardown(on_failure_fail_dagrun=False)


lifecycle_nightly()
