"""Another dbt project can take ours as a package: it brings its own profile, and of the variables what it must."""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from dbt.cli.main import dbtRunner

from lifecycle import settings, transform
from tests.dbt.builds import Warehouse
from tests.dbt.manifests import parsed

pytestmark = pytest.mark.dbt

#: The variables that docs/dbt_package.md shows.
VARIABLES: dict[str, Any] = {
    "timezone": "Europe/Zurich",
    "currency": "CHF",
    "shops": {
        "shop": {"kind": "woocommerce", "timezone": "Europe/Zurich", "currency": "CHF", "paid_statuses": ["completed"]}
    },
    "stages": {
        "rulesets": {
            "default": {
                "kind": "fixed",
                "new": {"max_days": None},
                "at_risk": {"after_days": 30},
                "lapsed": {"after_days": 60},
                "lost": {"after_days": 90},
            }
        }
    },
    "audiences": {"new": {"list": "New customers", "stages": ["new"]}},
}
PROFILE = {
    "type": "postgres",
    "host": "{{ env_var('DBT_HOST') }}",
    "port": "{{ env_var('DBT_PORT') | int }}",
    "user": "{{ env_var('DBT_USER') }}",
    "password": "{{ env_var('DBT_PASSWORD') }}",
    "dbname": "{{ env_var('DBT_DBNAME') }}",
    "schema": "analytics",
    "threads": 2,
}
READING = 'select stage, count(*) as persons from {{ ref("lifecycle", "customers") }} group by stage'


class Project:
    """A dbt project of somebody else's, which has ours among its packages."""

    def __init__(self, url: str, folder: Path, variables: dict[str, Any]) -> None:
        self.url, self.folder, self.package = url, folder / "theirs", folder / "ours"
        Warehouse(url, folder).prepare()
        (folder / "project").rename(self.package)
        files = {
            "dbt_project.yml": {"name": "shop_analytics", "profile": "analytics", "vars": variables},
            "packages.yml": {"packages": [{"local": str(self.package)}]},
            "profiles.yml": {"analytics": {"target": "dev", "outputs": {"dev": PROFILE}}},
        }
        (self.folder / "models").mkdir(parents=True)
        (self.folder / "models" / "customers_by_stage.sql").write_text(READING)
        for name, document in files.items():
            (self.folder / name).write_text(yaml.safe_dump(document))

    def dbt(self, *command: str) -> Any:
        done, failed = self.tried(*command)
        assert done.success, done.exception or failed
        return done.result

    def tried(self, *command: str) -> tuple[Any, list[str]]:
        place = ["--project-dir", str(self.folder), "--profiles-dir", str(self.folder), "--quiet"]
        done = dbtRunner().invoke([*command, *place])
        rows = getattr(done.result, "results", ())
        return done, [row.message for row in rows if row.status in {"error", "fail"}]


def test_another_project_builds_the_stages(new_database: Callable[[], str], tmp_path: Path) -> None:
    project = Project(new_database(), tmp_path, {"lifecycle": VARIABLES})
    project.dbt("deps")
    run_date = ["--vars", json.dumps({"run_date": "2017-12-31"})]
    without_tests = ["--exclude-resource-type", "unit_test", "--exclude-resource-type", "test"]
    project.dbt("build", *without_tests, "--select", "+customers_by_stage", *run_date)
    with psycopg.connect(project.url) as connection:
        assert connection.execute("select count(*) from marts.customers").fetchone() == (0,)
        assert connection.execute("select count(*) from analytics.customers_by_stage").fetchone() == (0,)


def test_a_project_without_our_variables_can_be_parsed(new_database: Callable[[], str], tmp_path: Path) -> None:
    project = Project(new_database(), tmp_path, {})
    project.dbt("deps")
    manifest = project.dbt("parse")
    assert manifest.nodes["model.lifecycle.customers"].schema == "marts"
    _, failed = project.tried("run", "--select", "stg_settings__shops")
    assert len(failed) == 1
    assert "The variable 'lifecycle' must hold 'timezone'" in failed[0]


def test_what_a_project_leaves_out_is_what_a_night_takes(new_database: Callable[[], str], tmp_path: Path) -> None:
    ours = Warehouse(new_database(), tmp_path)
    ours.prepare()
    ours.manifests.append(parsed(ours.project, transform.variables(settings.load(), date(2017, 12, 31))))
    variables = {"lifecycle": VARIABLES, "run_date": "2017-12-31"}
    complete = json.loads(ours.compiled("{{ tojson(settings()) }}", variables))
    shop = VARIABLES["shops"]["shop"] | {"connection": "shop"}
    needed_by_a_night = {"shops": {"shop": shop}, "esp": {"kind": "sendgrid", "connection": "esp"}}
    checked = settings.parse(VARIABLES | needed_by_a_night).model_dump(mode="json")
    for name in ("vip", "engagement", "consent", "contact_cap", "measuring", "greeting", "language"):
        assert complete[name] == checked[name], name
    assert complete["esp"].items() <= checked["esp"].items()
