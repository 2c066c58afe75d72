"""The lifecycle of every customer, every night.

Pull shop and e-mail data, derive every person's lifecycle stage, check it, and bring the audiences into the e-mail
service provider. Every task can be killed and repeated at any moment; a run can be repeated for its date.

**Schedule**: the marketer's file (`schedule`, in its time zone). A scheduled run covers the business day before.

**Parameters** `run_date`: the night of another date; without it, the run's logical date counts. `dry_run`: plan and
send nothing; the plan stands in `delivery.plan_detail`. `repair`: take the provider's word for what all lists hold, so
that the plan brings back what was lost there. `retry_refused`: plan again all that the provider had refused. `ask`:
whether a tripped guard asks for an approval or ends the night; without a word it asks, but under `airflow dags test`,
where nobody can answer.

**When a guard trips**, the task `approve` waits for an answer ("Required actions" in Airflow). No answer means no.

**When it fails**: the failed task's message says what a person has to do. A source that is down stops the delivery,
not the stages; a gate or a guard that stops the night leaves the provider as it was. Clear the failed task to go on.
"""

import os
import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path, PurePath
from typing import Any, Literal

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import DAG, Asset, BaseOperatorLink, Param, TriggerRule, get_current_context, task
from airflow.sdk.exceptions import AirflowNotFoundException, AirflowSkipException
from airflow.timetables.trigger import CronTriggerTimetable

from lifecycle_airflow.context import PAGE, RUN_DATE, START, TAGS, TRY_AGAIN, WAREHOUSE, Installation
from lifecycle_airflow.dbt_tasks import transform_by_model
from lifecycle_airflow.plugin import ADDRESS

APPROVE, REJECT = "Approve", "Reject"
#: A run's configuration, for the catalogue.
EXAMPLE = {"run_date": "2026-11-21", "dry_run": True}
PARAMETERS = {
    "run_date": RUN_DATE,
    "dry_run": Param(default=False, type="boolean", description="Plan only: send nothing"),
    "repair": Param(default=False, type="boolean", description="Bring back what was changed at the provider by others"),
    "retry_refused": Param(default=False, type="boolean", description="Plan again whom the provider had refused"),
    "ask": Param(
        None, type=["null", "boolean"], description="Ask for an approval when a guard trips, or end the night"
    ),
}


@dataclass(frozen=True)
class Night:
    """The tasks of a night, each named after what it does; ``page`` is the connection of the login that reads."""

    installation: Installation
    page: str

    @property
    def lists(self) -> list[str]:
        """The provider's lists that the audiences fill."""
        return [audience.list for audience in self.installation.settings.audiences.values()]

    def destination(self, *, prepared: bool = False) -> Any:
        """The provider; ``prepared``: with the lists and fields that the audiences need, which are made if missing."""
        from lifecycle import deliver
        from lifecycle.destinations import destination_kind

        settings = self.installation.settings
        config = settings.push_to()
        needed = (self.lists, settings.custom_fields()) if prepared else ([], {})
        connection = self.installation.connection(config.connection)
        known_lists = deliver.known_lists(self.installation.warehouse_url(), config.kind)
        return destination_kind(config.kind).connect(config, connection, *needed, known_lists)

    def extract(self, source: str) -> dict[str, int]:
        """Pull what changed at one source."""
        from lifecycle import extract

        get_current_context()["source"] = source
        installation = self.installation
        source_config = installation.settings.sources()[source]
        connection = installation.connection(source_config.connection)
        return extract.run(installation.warehouse_url(), source, source_config, connection, installation.run_date())

    def gate(self, name: Literal["raw", "marts"]) -> dict[str, int]:
        """Run one gate's checks."""
        from lifecycle import quality

        installation = self.installation
        return quality.run(installation.warehouse_url(), name, installation.run_date(), installation.settings)

    def register_rulesets(self) -> int:
        """Give the file's rule sets their versions, once the catalogue of contact scenarios fits the file.

        Stages are derived from what is there, whatever the sources' gate says; only the delivery waits for it.
        """
        from lifecycle.calibrate import rules
        from lifecycle.settings import scenarios

        installation = self.installation
        scenarios.check(installation.settings)
        return rules.register_rulesets(installation.warehouse_url(), installation.settings, installation.run_date())

    def transform(self) -> None:
        """Build and test every model in one go."""
        from lifecycle import quality, transform

        installation = self.installation
        results = transform.run(installation.warehouse_url(), installation.settings, installation.run_date())
        quality.store_dbt(installation.warehouse_url(), results, installation.run_date())

    def resolve_open_jobs(self) -> int:
        """Poll the jobs that an earlier night left open, and look whether the provider holds what the ledger says.

        What it no longer holds, or holds without our knowledge, is planned again.
        """
        from lifecycle import deliver, reconcile

        url, settings = self.installation.warehouse_url(), self.installation.settings
        destination = self.destination()
        resolved = deliver.resolve_open_jobs(url, destination, pending_hours=settings.requests.pending_hours)
        if get_current_context()["params"]["repair"]:
            lists = list(deliver.known_lists(url, destination.name))
        else:
            lists = reconcile.differing_lists(url, destination)
        if lists:
            reconcile.adopt_remote_state(url, self.destination(), self.installation.run_date(), lists)
        return resolved

    def plan(self) -> dict[str, Any]:
        """Desired minus confirmed, and the guards; ``question`` holds the plan's figures for whoever approves it."""
        from lifecycle import plan

        installation, parameters = self.installation, get_current_context()["params"]
        run_id = plan.run(
            installation.warehouse_url(),
            installation.run_date(),
            installation.settings,
            is_dry_run=parameters["dry_run"],
            retry_refused=parameters["retry_refused"],
        )
        return {"run_id": run_id, "question": plan.question(installation.warehouse_url(), run_id)}

    def route(self, planned: int) -> str:
        """Send the plan, ask for an approval first, or leave it at the plan."""
        from lifecycle import plan
        from lifecycle.errors import GuardTripped

        parameters = get_current_context()["params"]
        if parameters["dry_run"]:
            return "publish"
        stopped_by = plan.stopped_by(self.installation.warehouse_url(), planned)
        is_asked = sys.argv[1:3] != ["dags", "test"] if parameters["ask"] is None else parameters["ask"]
        if stopped_by and not is_asked:
            message = f"run {planned} is stopped before the first call: {stopped_by}"
            raise GuardTripped(message)
        return "approve" if stopped_by else "deliver"

    def record_approval(self, planned: int, reply: dict[str, Any]) -> str:
        """Record who approved or rejected the plan; without an approval nothing is sent."""
        from lifecycle import plan

        who = reply.get("responded_by_user")
        is_approved = reply["chosen_options"] == [APPROVE]
        plan.record_approval(
            self.installation.warehouse_url(), planned, by=who["name"] if who else None, is_approved=is_approved
        )
        return "deliver" if is_approved else "publish"

    def deliver(self, planned: int) -> dict[str, int]:
        """Send, confirm, quarantine refused rows; a plan that is too old is made anew first."""
        from lifecycle import deliver, plan
        from lifecycle.errors import PlanOutdated

        url, settings, destination = (
            self.installation.warehouse_url(),
            self.installation.settings,
            self.destination(prepared=True),
        )
        hours = settings.requests.model_dump()
        try:
            return deliver.run(url, destination, planned, **hours)
        except PlanOutdated:
            plan.renew(url, planned, settings)
            return deliver.run(url, destination, planned, **hours)

    def reconcile(self, planned: int) -> dict[str, int]:
        """Read the lists back and compare; too large a difference fails the night."""
        from lifecycle import quality, reconcile

        installation, url = self.installation, self.installation.warehouse_url()
        totals = reconcile.run(url, self.destination(), planned, self.lists)
        quality.check_read_back(url, planned, installation.run_date(), installation.settings)
        return totals

    def publish(self, planned: int) -> None:
        """Store the night's figures, and delete records that are older than the settings keep them."""
        from lifecycle import publish

        url, run_date = self.installation.warehouse_url(), self.installation.run_date()
        settings = self.installation.settings
        publish.run(url, planned, run_date, list(settings.stages.rulesets)[-1])
        publish.clear_old_records(url, run_date, settings.keep_deliveries_days)

    def report(self) -> str:
        """Write the night's page as a file, whatever became of the delivery; returns its place."""
        from lifecycle.page import report

        try:
            url = self.installation.connection(self.page).database_url()
        except AirflowNotFoundException:
            message = (
                f"no report without the connection {self.page}, the page's own login; docs/page.md says how to make it"
            )
            raise AirflowSkipException(message) from None
        return report.write(url, self.installation.settings, self.installation.run_date())


class ReportOfTheNight(BaseOperatorLink):  # type: ignore[misc] # mypy does not follow Airflow
    """A button on the task ``report``, in Airflow."""

    name = "Report of the night"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:  # noqa: ARG002 - as Airflow calls it
        """The page at which the file is shown, of a task that wrote one."""
        from airflow.sdk.execution_time.xcom import XCom

        place = XCom.get_value(ti_key=ti_key, key="return_value")
        return f"{ADDRESS}/reports/{PurePath(place).stem.removeprefix('lifecycle-')}" if place else ""


def build(
    dag_id: str = "lifecycle_nightly",
    *,
    config: Path | None = None,
    warehouse: str = WAREHOUSE,
    page: str = PAGE,
    manifest: str | None = None,
) -> DAG:
    """The DAG, for the marketer's file that ``config`` or ``LIFECYCLE_CONFIG`` names.

    ``warehouse`` and ``page`` are the Airflow connections of the logins that write and read. ``manifest``, or
    ``LIFECYCLE_DBT_MANIFEST``, is the path of a dbt manifest: each model is a task then; without one, all are one task.
    """
    night = Night(Installation.load(config, warehouse), page)
    settings, run_date = night.installation.settings, night.installation.run_date
    with DAG(
        dag_id,
        schedule=CronTriggerTimetable(settings.schedule, timezone=settings.timezone, interval=timedelta(days=1)),
        start_date=START,
        catchup=False,
        max_active_runs=1,
        doc_md=__doc__,
        user_defined_macros={"run_date": lambda: run_date().isoformat()},
        params=PARAMETERS,
        default_args=TRY_AGAIN,
        tags=TAGS,
    ) as dag:
        _connect(night, manifest or os.environ.get("LIFECYCLE_DBT_MANIFEST"))
    return dag


def _connect(night: Night, manifest: str | None) -> None:
    """The whole night, top to bottom."""
    settings = night.installation.settings
    extract = task(night.extract, map_index_template="{{ source }}")
    sources = extract.expand(source=list(settings.sources()))
    gate_raw = task(night.gate, task_id="gate_raw", trigger_rule=TriggerRule.ALL_DONE)("raw")
    register_rulesets = task(night.register_rulesets, trigger_rule=TriggerRule.ALL_DONE)()
    stages = transform_by_model(night.installation, manifest) if manifest else task(night.transform)()
    gate_marts = task(night.gate, task_id="gate_marts")("marts")
    planned = task(night.plan, multiple_outputs=True)()["run_id"]
    approve = HITLOperator(
        task_id="approve",
        doc_md="Ask a person whether a plan that a guard has stopped is sent all the same.",
        subject="The plan of {{ run_date() }} exceeds its limits: send it all the same?",
        body="{{ ti.xcom_pull(task_ids='plan', key='question') }}",
        options=[APPROVE, REJECT],
        defaults=REJECT,
        response_timeout=timedelta(hours=settings.guards.approve_within_hours),
    )
    route = task.branch(night.route)(planned)
    record_approval = task.branch(night.record_approval)(planned, approve.output)
    after_any_branch = {"trigger_rule": TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS}
    deliver = task(night.deliver, **after_any_branch)(planned)
    publish = task(night.publish, outlets=[Asset("lifecycle://night")], **after_any_branch)(planned)

    prepare = task(night.installation.prepare)()
    resolve_open_jobs = task(night.resolve_open_jobs)()
    prepare >> sources >> gate_raw >> register_rulesets >> stages >> gate_marts >> resolve_open_jobs >> planned
    gate_raw >> planned
    route >> [approve, deliver, publish]
    record_approval >> [deliver, publish]
    deliver >> task(night.reconcile)(planned) >> publish

    report = task(night.report)()
    report.operator.operator_extra_links = [ReportOfTheNight()]
    # as a teardown it runs after failures too, and publish alone tells whether the night has succeeded
    publish >> report.as_teardown(on_failure_fail_dagrun=False)
