"""What a night reckons for each buyer by the stored model, against the published closed forms."""

import json
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from uuid import UUID, uuid5

import numpy as np
import pytest
from dbt.cli.main import dbtRunner

from lifecycle import settings, transform, warehouse
from lifecycle.calibrate import customer_model, purchases, spending
from lifecycle.calibrate.purchases import Histories
from tests.databases import NewDatabase, with_schemas
from tests.dbt.manifests import parsed

RUN_DATE = date(2017, 12, 31)
#: Repeat purchases, days from the first to the last, days from the first until now, and the mean worth of a day.
BUYERS = [
    (0, 0, 0, 5.0),
    (0, 0, 900, 0.0),
    (1, 30, 31, 12.5),
    (7, 200, 800, 40.0),
    (60, 700, 720, 3.2),
    (500, 900, 901, 9.9),
]
TOTALS = """
create schema intermediate;
create table intermediate.int_purchase_totals (person_id uuid, first_order_on date, last_order_on date,
    purchase_days integer, valued_days integer, average_day_value numeric)
"""

pytestmark = pytest.mark.dbt


def person(number: int) -> UUID:
    return uuid5(UUID(int=0), str(number))


def predicted(url: str, folder: Path) -> dict[UUID, tuple[float, float, float | None]]:
    """Person → probability of being alive, expected purchases and revenue, as dbt's model gives them."""
    variables = transform.variables(settings.load(), RUN_DATE)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in transform.environment(url).items():
            patch.setenv(name, value)
        project = str(settings.DBT_PROJECT)
        done = dbtRunner(manifest=parsed(settings.DBT_PROJECT, variables)).invoke([
            *("run", "--select", "int_predictions", "--project-dir", project, "--profiles-dir", project, "--quiet"),
            *("--target-path", str(folder), "--log-path", str(folder), "--vars", json.dumps(variables)),
        ])  # fmt: skip
    assert done.success, done.exception
    columns = "person_id, p_alive, expected_purchases_365, expected_revenue_365"
    with warehouse.connect(url) as connection:
        rows = connection.execute(f"select {columns} from intermediate.int_predictions".encode()).fetchall()
    return {row[0]: row[1:] for row in rows}


near = partial(pytest.approx, rel=2e-4, abs=1e-12)


@pytest.mark.parametrize("model", ["mbg_nbd", "bg_nbd"])
def test_a_night_reckons_what_the_closed_forms_give(
    model: purchases.Model, new_database: NewDatabase, tmp_path: Path
) -> None:
    url = new_database(with_schemas)
    parameters = purchases.Parameters(model, r=0.525, alpha=43.3, a=0.891, b=1.614)
    spend = spending.Parameters(p=6.25, q=3.74, gamma=15.44)
    row: dict[str, object] = {
        "model": model,
        "fitted_for": RUN_DATE,
        "customers": 1,
        "log_likelihood": 0,
        "spend_customers": 1,
    }
    row |= {"r": parameters.r, "alpha": parameters.alpha, "a": parameters.a, "b": parameters.b, "report": "{}"}
    row |= {"spend_p": spend.p, "spend_q": spend.q, "spend_gamma": spend.gamma, "spend_log_likelihood": 0}
    customer_model._store(url, row, parameters)
    with warehouse.connect(url) as connection:
        connection.execute(TOTALS)
        for number, (repeats, last, age, value) in enumerate(BUYERS):
            first = RUN_DATE - timedelta(days=age)
            valued = [repeats + 1, value] if value else [0, None]
            connection.execute(
                "insert into intermediate.int_purchase_totals values (%s, %s, %s, %s, %s, %s)",
                [person(number), first, first + timedelta(days=last), repeats + 1, *valued],
            )

    predictions = predicted(url, tmp_path)

    repeats, last, age, value = np.array(BUYERS, dtype=float).T
    histories = Histories(repeats, last, age, np.ones_like(age))
    alive = purchases.probability_alive(parameters, histories)
    expected = purchases.expected_purchases(parameters, 365, histories)
    worth = spending.expected_value(spend, spending.Spend(np.where(value > 0, repeats + 1, 0), value))
    for number in range(len(BUYERS)):
        assert predictions[person(number)][0] == near(alive[number])
        assert predictions[person(number)][1] == near(expected[number])
        assert predictions[person(number)][2] == near(expected[number] * worth[number])
