"""The page as Airflow's API server serves it: who gets in, and what a mistake in the settings breaks."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from demo import airflow_home, postgres
from lifecycle import extract
from tests import prepared
from tests.conftest import HOME
from tests.databases import NewDatabase

VARS = Path(__file__).resolve().parents[1] / "dbt_project" / "vars.yml"
#: Airflow's path at its host, as behind a proxy.
BASE = "/airflow"


@pytest.fixture(scope="module")
def probed(new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What ``tests.plugin_probe`` was answered, before the first night; this process never imports Airflow."""
    home, url = tmp_path_factory.mktemp("airflow"), new_database()
    login = postgres.reading_login(HOME, urlsplit(url).path.removeprefix("/"))
    extract.prepare(url)
    others = prepared.environment_of_nobody()
    surroundings = {
        **others,
        **airflow_home.environment(home, {"warehouse_page": login}),
        "LIFECYCLE_CONFIG": f"{shutil.copy(VARS, home / 'vars.yml')}",
    }
    surroundings["AIRFLOW__API__BASE_URL"] += BASE
    command = [sys.executable, "-m", "tests.plugin_probe"]
    done = subprocess.run(command, env=surroundings, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def test_it_is_in_the_navigation_and_costs_nothing_until_somebody_asks(probed: dict[str, Any]) -> None:
    assert probed["errors"] == {}
    assert probed["made late"]
    [view] = probed["navigation"]
    assert (view["name"], view["destination"], view["href"]) == ("Lifecycle", "nav", f"{BASE}/lifecycle/")


def test_nothing_is_shown_without_a_login(probed: dict[str, Any]) -> None:
    assert set(probed["without login"]["programs"]) == {401}


@pytest.mark.parametrize(
    ("who", "wanted"), [("browser", "/lifecycle/?lang=de"), ("login from elsewhere", "/lifecycle/")]
)
def test_a_browser_is_sent_to_the_login_and_back(probed: dict[str, Any], who: str, wanted: str) -> None:
    answer = probed["without login"][who]
    to = urlsplit(answer["location"])
    assert (answer["status"], to.path) == (303, f"{BASE}/api/v2/auth/login")
    assert parse_qs(to.query) == {"next": [BASE + wanted]}


def test_who_may_look_at_airflow_sees_figures_and_who_may_edit_the_nights_sees_persons(probed: dict[str, Any]) -> None:
    assert probed["by role"] == {
        "viewer": {"figures": 200, "person": 403, "styles": 200},
        **{role: {"figures": 200, "person": 200, "styles": 200} for role in ("user", "op", "admin")},
    }


def test_a_mistake_in_the_settings_is_told_on_the_page_and_leaves_airflow_alone(probed: dict[str, Any]) -> None:
    result = probed["broken settings"]
    assert result["page"]["status"] == 503
    assert "timezon: unknown key" in result["page"]["text"]
    assert (result["stranger"], result["airflow"], result["fixed"]) == (401, 200, 200)


def test_without_a_connection_of_its_own_the_page_says_which(probed: dict[str, Any]) -> None:
    assert probed["no connection"]["status"] == 503
    assert "warehouse_page" in probed["no connection"]["text"]


def test_the_connection_may_stand_in_airflows_own_pages(probed: dict[str, Any]) -> None:
    assert probed["connection of Airflow"] == 200
