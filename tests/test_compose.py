"""docker-compose.yml and .env.example say the same, and nothing is secret by default."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
COMPOSE = (ROOT / "docker-compose.yml").read_text()
EXAMPLE = (ROOT / ".env.example").read_text()
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE)["services"]
# ${NAME}, ${NAME:-default}, ${NAME-default}, ${NAME:?explanation}; a doubled dollar is the container's own
VARIABLE = re.compile(r"(?<!\$)\$\{(\w+)(?::?([-?])([^${}]*))?")
SECRET = re.compile("PASSWORD|SECRET|KEY")


def test_every_variable_of_compose_is_explained_and_no_other() -> None:
    explained = re.findall(r"^(?:# )?([A-Z_]+)=", EXAMPLE, re.MULTILINE)
    assert sorted(explained) == sorted({name for name, _, _ in VARIABLE.findall(COMPOSE)})


def test_every_variable_in_the_example_has_words_above_it() -> None:
    lines = ["", *EXAMPLE.splitlines()]
    variables = [number for number, line in enumerate(lines) if re.match(r"(# )?[A-Z_]+=", line)]
    assert not [lines[number] for number in variables if not re.match("# .* ", lines[number - 1])]


def test_what_may_be_left_out_is_shown_with_its_default() -> None:
    shown = dict(re.findall(r"^# ([A-Z_]+)=(.+)$", EXAMPLE, re.MULTILINE))
    assert shown == {
        name: text for name, kind, text in VARIABLE.findall(COMPOSE) if kind == "-" and text in EXAMPLE and text
    }


def test_a_secret_has_no_default_and_compose_says_why_it_stops() -> None:
    uses = [use for use in VARIABLE.findall(COMPOSE) if SECRET.search(use[0])]
    assert not [name for name, kind, _ in uses if kind == "-"]
    assert {name for name, _, _ in uses} == {name for name, kind, text in uses if kind == "?" and text}


def test_the_example_holds_no_secret() -> None:
    assert all(EXAMPLE.count(f"\n{name}=\n") == 1 for name, _, _ in VARIABLE.findall(COMPOSE) if SECRET.search(name))


def test_only_the_api_server_is_reached_from_outside_and_from_this_machine_alone() -> None:
    ports = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert ports == {"api-server": ["${LIFECYCLE_BIND:-127.0.0.1:8080}:8080"]}


@pytest.mark.parametrize("name", sorted(set(SERVICES) - {"airflow-init"}))
def test_every_service_that_stays_up_tells_of_its_health(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"]


def test_the_image_runs_as_somebody_else_than_root() -> None:
    last_stage = (ROOT / "Dockerfile").read_text().rpartition("\nFROM ")[2]
    assert re.findall(r"^USER (\w+)$", last_stage, re.MULTILINE) == ["airflow"]


@pytest.mark.parametrize("name", ["dags", "dbt_project", "expectations", "plugins", "quiet.env"])
def test_the_image_holds_what_a_night_reads(name: str) -> None:
    assert f"\nCOPY {name} /opt/lifecycle/{name}\n" in (ROOT / "Dockerfile").read_text()
    assert f"!{name}" in (ROOT / ".dockerignore").read_text().splitlines()
