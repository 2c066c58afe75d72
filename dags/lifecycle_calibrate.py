"""Learn from the purchases: the days of the stages, the scores' cut points, and how customers come, stay and spend.

Every night works with what was learnt last. This runs on request only, say once a quarter: what is learnt should change
when somebody decides it, not from one night to the next.

**Parameters**: `rulesets`, the rule sets to learn, all if there are none; `model`, how purchases are modelled
(`mbg_nbd`, or `bg_nbd`, which takes nobody who bought once for gone); `run_date`, the last business day that counts,
as in `lifecycle_nightly`.

**What it changes**: a rule set that is learnt for the first time gets its days for all of history; later ones hold from
the day after `run_date` on, and leave earlier decisions as they are. Scores and outlooks are new from the next night.

**When it fails**: the message says which rule set or model has too little to learn from. What a failed task would have
replaced stays in force; the tasks don't depend on each other.
"""

from airflow.sdk import Param, dag, get_current_context, task

from airflow_context import RUN_DATE, SETTINGS, TRY_AGAIN, run_date, warehouse

RULESETS = list(SETTINGS.stages.rulesets)


@task
def freeze_rules() -> dict[str, int]:
    """Learn the rule sets' days."""
    from lifecycle.calibrate import rules

    return rules.freeze(warehouse(), SETTINGS, run_date(), get_current_context()["params"]["rulesets"])


@task
def freeze_scores() -> int:
    """Learn the scores' cut points."""
    from lifecycle.calibrate import scores

    return scores.freeze(warehouse(), run_date())


@task
def fit_model() -> int:
    """Fit the models of the customers."""
    from lifecycle.calibrate import customer_model

    return customer_model.fit(warehouse(), run_date(), get_current_context()["params"]["model"])


@dag(
    schedule=None,
    max_active_runs=1,
    doc_md=__doc__,
    params={
        "rulesets": Param(
            None,
            type=["null", "array"],
            items={"type": "string", "enum": RULESETS},
            examples=RULESETS,
            description="Learn these rule sets; all if there are none",
        ),
        "model": Param("mbg_nbd", enum=["mbg_nbd", "bg_nbd"], description="How purchases are modelled"),
        "run_date": RUN_DATE,
    },
    default_args=TRY_AGAIN,
    tags=["lifecycle"],
)
def lifecycle_calibrate() -> None:
    """Three tasks, side by side."""
    freeze_rules()
    freeze_scores()
    fit_model()


lifecycle_calibrate()
