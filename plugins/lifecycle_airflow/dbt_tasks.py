"""Every dbt model as a task of its own that can be looked at and run again, by Cosmos."""

from datetime import date
from pathlib import Path
from typing import Any

from lifecycle.settings import DBT_PROJECT
from lifecycle_airflow.context import Installation


def transform_by_model(installation: Installation, manifest: str) -> Any:
    """The task group ``transform``: one dbt build, whose models and tests are tasks.

    ``manifest`` is the path of what ``dbt parse`` has left. The DAG must know the macro ``run_date``.
    """
    from cosmos import DbtTaskGroup, ExecutionConfig, ProfileConfig, ProjectConfig, RenderConfig
    from cosmos.constants import PRODUCER_WATCHER_TASK_ID, ExecutionMode, InvocationMode, LoadMode
    from cosmos.profiles import PostgresUserPasswordProfileMapping

    from lifecycle import transform

    def builds_again(context: Any) -> None:
        # Cosmos would skip the second try of a build and start a dbt for each model, which takes many times as long
        if context["task"].task_id.endswith(PRODUCER_WATCHER_TASK_ID):
            context["ti"].try_number = 1

    def keep_results(project: str, *, context: Any, **_: Any) -> None:
        from lifecycle import quality

        results = Path(project) / "target" / "run_results.json"
        whole = context["task"].task_id.endswith(PRODUCER_WATCHER_TASK_ID)
        quality.store_dbt(installation.warehouse_url(), results, installation.run_date(), whole=whole)

    profile = {"schema": "marts", "threads": 2}
    login = PostgresUserPasswordProfileMapping(installation.warehouse, profile_args=profile)
    return DbtTaskGroup(
        group_id="transform",
        project_config=ProjectConfig(DBT_PROJECT, manifest_path=manifest, install_dbt_deps=False),
        profile_config=ProfileConfig("lifecycle", "warehouse", profile_mapping=login),
        execution_config=ExecutionConfig(ExecutionMode.WATCHER, InvocationMode.DBT_RUNNER),
        render_config=RenderConfig(load_method=LoadMode.DBT_MANIFEST, exclude=["resource_type:unit_test"]),
        operator_args={
            "vars": {**transform.variables(installation.settings, date.min), "run_date": "{{ run_date() }}"},
            "callback": keep_results,
            "pre_execute": builds_again,
        },
    )
