"""Learn from the purchases: the days of the stages, the scores' cut points, and how customers come, stay and spend.

Every night works with what was learnt last. This runs on request only, say once a quarter: what is learnt should change
when somebody decides it, not from one night to the next.

**Schedule**: none; on request.

**Parameters** `rulesets`: the rule sets to learn, all if there are none. `model`: how purchases are modelled
(`mbg_nbd`, or `bg_nbd`, which takes nobody who bought once for gone). `run_date`: the last business day that counts,
as in `lifecycle_nightly`.

**What it changes**: a rule set that is learnt for the first time gets its days for all of history; later ones hold from
the day after `run_date` on, and leave earlier decisions as they are. Scores and outlooks are new from the next night.

**When it fails**: the message says which rule set or model has too little to learn from. What a failed task would have
replaced stays in force; the tasks don't depend on each other.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, Param, get_current_context, task

from lifecycle_airflow.context import RUN_DATE, TAGS, TRY_AGAIN, WAREHOUSE, Installation

#: A run's configuration, for the catalogue.
EXAMPLE = {"model": "bg_nbd", "run_date": "2026-09-30"}


@dataclass(frozen=True)
class Calibration:
    """The tasks, each named after what it does."""

    installation: Installation

    def freeze_rules(self) -> dict[str, int]:
        """Learn the rule sets' days."""
        from lifecycle.calibrate import rules

        names = get_current_context()["params"]["rulesets"]
        installation = self.installation
        return rules.freeze(installation.warehouse_url(), installation.settings, installation.run_date(), names)

    def freeze_scores(self) -> int:
        """Learn the scores' cut points."""
        from lifecycle.calibrate import scores

        return scores.freeze(self.installation.warehouse_url(), self.installation.run_date())

    def fit_model(self) -> int:
        """Fit the models of the customers."""
        from lifecycle.calibrate import customer_model

        model = get_current_context()["params"]["model"]
        return customer_model.fit(self.installation.warehouse_url(), self.installation.run_date(), model)


def build(dag_id: str = "lifecycle_calibrate", *, config: Path | None = None, warehouse: str = WAREHOUSE) -> DAG:
    """The DAG, for the marketer's file that ``config`` or ``LIFECYCLE_CONFIG`` names.

    ``warehouse`` is the Airflow connection of the login that writes.
    """
    calibration = Calibration(Installation.load(config, warehouse))
    with DAG(
        dag_id,
        schedule=None,
        max_active_runs=1,
        doc_md=__doc__,
        params=_parameters(list(calibration.installation.settings.stages.rulesets)),
        default_args=TRY_AGAIN,
        tags=TAGS,
    ) as dag:
        task(calibration.freeze_rules)()
        task(calibration.freeze_scores)()
        task(calibration.fit_model)()
    return dag


def _parameters(rulesets: list[str]) -> dict[str, Any]:
    return {
        "rulesets": Param(
            None,
            type=["null", "array"],
            items={"type": "string", "enum": rulesets},
            examples=rulesets,
            description="Learn these rule sets; all if there are none",
        ),
        "model": Param("mbg_nbd", enum=["mbg_nbd", "bg_nbd"], description="How purchases are modelled"),
        "run_date": RUN_DATE,
    }
