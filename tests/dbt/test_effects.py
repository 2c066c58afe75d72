"""What contacting brings: a lift that was put in is found as SciPy finds it, and looking every night cries no wolf."""

import json
from datetime import date, timedelta
from pathlib import Path
from uuid import UUID, uuid5

import numpy as np
import numpy.typing as npt
import pytest
from dbt.cli.main import dbtRunner
from scipy import stats

from lifecycle import settings, transform, warehouse
from tests.databases import NewDatabase, with_schemas
from tests.dbt.manifests import parsed

RUN_DATE = date(2017, 12, 31)
BEGIN = date(2017, 10, 1)
WINDOW = timedelta(settings.load().measuring.effect_days)
DAY = timedelta(1)
MODELS = (
    "stg_settings__audiences",
    "int_effect_memberships",
    "int_effect_experiments",
    "int_effect_sums",
    "audience_effects",
)
MARTS = """
create schema marts;
create table marts.messages (person_id uuid, clicked_on date);
create table marts.purchase_days (person_id uuid, shop text, business_day date, net numeric(18, 2));
"""
SUMS = """
create schema intermediate;
create table intermediate.int_effect_sums (
    audience text, metric text, arm text, started_on date, ended_on date, through_on date, persons bigint,
    responded bigint, total numeric, total_of_squares numeric);
"""

Numbers = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
#: Metric → what each of the contacted did, and each of the held out.
Arms = dict[str, tuple[Numbers, Numbers]]

pytestmark = pytest.mark.dbt


def build(url: str, folder: Path, *models: str) -> None:
    """Run dbt for some models of the shipped file."""
    variables = transform.variables(settings.load(), RUN_DATE)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in transform.environment(url).items():
            patch.setenv(name, value)
        project = str(settings.DBT_PROJECT)
        done = dbtRunner(manifest=parsed(settings.DBT_PROJECT, variables)).invoke([
            *("run", "--select", *models, "--project-dir", project, "--profiles-dir", project, "--quiet"),
            *("--target-path", str(folder), "--log-path", str(folder), "--vars", json.dumps(variables)),
        ])  # fmt: skip
    assert done.success, done.exception


def put(url: str, table: str, rows: list[tuple[object, ...]]) -> None:
    with warehouse.connect(url) as connection, connection.cursor().copy(f"copy {table} from stdin".encode()) as copy:
        for row in rows:
            copy.write_row(row)


def experiment(url: str, dice: np.random.Generator) -> Arms:
    """Write an experiment on `lapsed` into the warehouse; returns what should count.

    A fifth match `vip` as well, and buy more; whoever is held out there is in neither arm here.
    """
    did: dict[str, dict[bool, list[float]]] = {
        metric: {True: [], False: []} for metric in ("clicked", "ordered", "revenue")
    }
    decisions: list[tuple[object, ...]] = []
    clicks: list[tuple[object, ...]] = []
    purchases: list[tuple[object, ...]] = []
    for number in range(6000):
        person = uuid5(UUID(int=0), str(number))
        is_member = number == 0 or (number > 1 and dice.random() < 0.9)  # the first two on the first day
        entered_on = BEGIN + timedelta(int(dice.integers(90))) * (number > 1)
        is_vip = number > 1 and dice.random() < 0.2
        is_held_out_as_vip = is_vip and dice.random() < 0.4
        outcome = "holdout" if not is_member else "excluded" if is_held_out_as_vip else "member"
        why = "held out" if outcome == "excluded" else None
        decisions.append(("lapsed", person, outcome, why, "lapsed", entered_on, None, 1, None))
        if is_held_out_as_vip:
            decisions.append(("vip", person, "holdout", None, "vip", entered_on, None, 1, None))
        first, last = entered_on + DAY, entered_on + WINDOW
        has_clicked = is_member and dice.random() < 0.1
        amounts = [
            float(np.round(net, 2)) for net in dice.gamma(2, 20, dice.poisson((0.7 if is_member else 0.3) + is_vip))
        ]
        clicks += [(person, last)] * has_clicked + [(person, entered_on), (person, last + DAY), (person, None)]
        days = [first + timedelta(int(dice.integers(WINDOW.days))) for _ in amounts]
        purchases += [(person, "demo", day, net) for day, net in zip(days, amounts, strict=True)]
        purchases += [(person, "demo", entered_on, 500), (person, "demo", last + DAY, 500)]
        if last <= RUN_DATE and not is_held_out_as_vip:
            for metric, value in (("clicked", has_clicked), ("ordered", bool(amounts)), ("revenue", sum(amounts))):
                did[metric][is_member].append(float(value))
    columns = "(audience, person_id, outcome, exclusion, reason, since_on, until_on, since_run, until_run)"
    put(url, f"delivery.decision {columns}", decisions)
    put(url, "marts.messages", clicks)
    put(url, "marts.purchase_days", purchases)
    return {metric: (np.array(arms[True]), np.array(arms[False])) for metric, arms in did.items()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where dbt leaves what it has read of the project, which takes longer than to build it."""
    return tmp_path_factory.mktemp("dbt")


@pytest.fixture(scope="module")
def measured(new_database: NewDatabase, folder: Path) -> tuple[str, Arms]:
    """A warehouse in which the experiment is measured, and what was put in."""
    url = new_database(with_schemas)
    with warehouse.connect(url) as connection:
        connection.execute(MARTS)
    arms = experiment(url, np.random.default_rng(7))
    build(url, folder, *MODELS)
    return url, arms


def test_a_lift_is_measured_as_scipy_measures_it(measured: tuple[str, Arms]) -> None:
    url, arms = measured
    with warehouse.connect(url) as connection:
        columns = "metric, contacted, held_out, contacted_mean, lift, standard_error, low, high, verdict"
        effects = f"select {columns} from marts.audience_effects where audience = 'lapsed'"
        rows = connection.execute(effects.encode()).fetchall()
    assert {row[0] for row in rows} == set(arms)
    for metric, contacted, held_out, mean, lift, error, low, high, _ in rows:
        members, others = arms[metric]
        assert (contacted, held_out) == (len(members), len(others))
        welch = stats.ttest_ind(members, others, equal_var=False)
        interval = welch.confidence_interval(0.95)
        assert [float(mean), float(lift)] == pytest.approx([members.mean(), members.mean() - others.mean()], abs=1e-6)
        assert float(lift / error) == pytest.approx(welch.statistic, rel=1e-3)
        assert [float(low), float(high)] == pytest.approx([interval.low, interval.high], abs=0.01 * float(error))
    assert {row[0]: row[-1] for row in rows} == {"clicked": "higher", "ordered": "higher", "revenue": "higher"}


def test_who_may_see_figures_may_read_the_lift_and_not_by_whom_it_came(measured: tuple[str, Arms]) -> None:
    url, _ = measured
    with warehouse.connect(url) as connection:
        may = "select has_table_privilege(%s, %s, 'select')"
        for role, table, right in (
            ("lifecycle_figures", "marts.audience_effects", True),
            ("lifecycle_people", "marts.audience_effects", False),
            ("lifecycle_figures", "intermediate.int_effect_memberships", False),
        ):
            assert connection.execute(may, [role, table]).fetchone() == (right,), (role, table)


def nightly_sums(dice: np.random.Generator, repeats: int, nights: int) -> list[tuple[object, ...]]:
    """Experiments without an effect, each summed up as of every night: 30 newcomers, a tenth held out, a tenth buy."""
    held_out: Counts = dice.binomial(30, 0.1, (repeats, nights))
    rows: list[tuple[object, ...]] = []
    for arm, newcomers in (("holdout", held_out), ("member", 30 - held_out)):
        persons, buyers = newcomers.cumsum(axis=1), dice.binomial(newcomers, 0.1).cumsum(axis=1)
        rows += [
            (f"{repeat}/{night}", "ordered", arm, BEGIN, None, BEGIN, number, bought, bought, bought)
            for repeat in range(repeats)
            for night, (number, bought) in enumerate(
                zip(persons[repeat].tolist(), buyers[repeat].tolist(), strict=True)
            )
        ]
    return rows


def test_who_looks_every_night_is_not_misled(new_database: NewDatabase, folder: Path) -> None:
    url, repeats = new_database(with_schemas), 300
    with warehouse.connect(url) as connection:
        connection.execute(SUMS)
    put(url, "intermediate.int_effect_sums", nightly_sums(np.random.default_rng(11), repeats, nights=200))
    build(url, folder, "stg_settings__audiences", "audience_effects")
    with warehouse.connect(url) as connection:
        row = connection.execute(
            """
            select count(distinct experiment) filter (where low > 0 or high < 0),
                count(distinct experiment) filter (where verdict in ('higher', 'lower')),
                count(distinct experiment)
            from (select *, split_part(audience, '/', 1) as experiment from marts.audience_effects) as looks
            """
        ).fetchone()
    assert row is not None
    by_the_usual, by_the_one_that_always_holds, all_of_them = row
    assert all_of_them == repeats
    assert by_the_usual > 0.15 * repeats
    assert by_the_one_that_always_holds <= 0.05 * repeats
