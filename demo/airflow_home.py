"""An Airflow of one's own, as environment variables: where it lives, what it reads, how it is entered.

They have to be set before Airflow is imported. Demo nights and tests keep the metadata in SQLite inside the
home; the served installation hands in a PostgreSQL URL. Two Airflows never share a home or a database,
or the one's scheduler would run the other's tasks a second time.
"""

import base64
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from lifecycle.settings import config_path, quiet_environment

ROOT = Path(__file__).resolve().parents[1]
#: Who may log in, and as what: the one does everything, the other only looks, and sees no person.
USERS = {"admin": "admin", "viewer": "viewer"}
PORT = 8080
LAST_LINES = 20


def environment(
    home: Path, connections: Mapping[str, str], *, metadata: str | None = None, port: int = PORT
) -> dict[str, str]:
    """Everything that an Airflow in ``home`` has to know.

    ``connections`` maps names to URIs or JSON; ``metadata`` is a ``postgresql://`` URL, or ``None`` for
    SQLite; ``port`` is the API server's on 127.0.0.1. Keys and passwords are made up once per home.
    """
    home = home.resolve()
    keys = _keys(home)
    passwords = home / "passwords.json"
    _write_privately(passwords, {user: password(home, user) for user in USERS})
    settings = {
        "CORE__DAGS_FOLDER": f"{ROOT / 'dags'}",
        "CORE__PLUGINS_FOLDER": f"{ROOT / 'plugins'}",
        "CORE__LOAD_EXAMPLES": "false",
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": "4",
        "CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "CORE__FERNET_KEY": keys["fernet_key"],
        "CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{user}:{role}" for user, role in USERS.items()),
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": f"{passwords}",
        "API__HOST": "127.0.0.1",
        "API__PORT": f"{port}",
        "API__BASE_URL": f"http://127.0.0.1:{port}",
        "API__SECRET_KEY": keys["secret_key"],
        "API_AUTH__JWT_SECRET": keys["jwt_secret"],
        "DATABASE__SQL_ALCHEMY_CONN": metadata or f"sqlite:///{home / 'airflow.db'}",
        "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
    }
    return {
        **quiet_environment(),
        "AIRFLOW_HOME": f"{home}",
        **{f"AIRFLOW__{name}": value for name, value in settings.items()},
        **{f"AIRFLOW_CONN_{name.upper()}": value for name, value in connections.items()},
        "PYTHONPATH": os.pathsep.join([f"{ROOT / 'plugins'}", f"{ROOT}"]),
        "PATH": os.pathsep.join([f"{Path(sys.executable).parent}", os.environ.get("PATH", os.defpath)]),
    }


def work(data: Path) -> dict[str, str]:
    """Where nights leave files, such as their reports: beside the demo's data, for whoever serves it later.

    The marketer's file is the one of ``LIFECYCLE_CONFIG``, or the shipped one, but that nobody is asked about the first
    delivery: the demo's account is made up.
    """
    data.mkdir(parents=True, exist_ok=True)
    file = data.resolve() / "vars.yml"
    file.write_text(config_path().read_text().replace("first_delivery_asks: true", "first_delivery_asks: false"))
    return {"LIFECYCLE_WORK": f"{data.resolve()}", "LIFECYCLE_CONFIG": f"{file}"}


def http_connection(address: str, *, login: str = "", password: str = "") -> str:
    """A connection to an HTTP server, as Airflow reads it from a variable."""
    return json.dumps({"conn_type": "http", "host": address, "login": login, "password": password})


def migrate(surroundings: Mapping[str, str]) -> None:
    """Make the metadata database, or bring it up to date; a ``RuntimeError`` holds Airflow's last words."""
    done = subprocess.run(
        [sys.executable, "-m", "airflow", "db", "migrate"],
        env={**os.environ, **surroundings},
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        message = "\n".join(["'airflow db migrate' failed:", *done.stderr.splitlines()[-LAST_LINES:]])
        raise RuntimeError(message)


def password(home: Path, user: str = "admin") -> str:
    """The made-up password of one of the home's users."""
    return _keys(home)[f"password_of_{user}"]


def _keys(home: Path) -> dict[str, str]:
    """The home's keys, which its processes share; made up when first asked for."""
    path = home / "keys.json"
    known: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    keys = {name: secrets.token_urlsafe(32) for name in ("secret_key", "jwt_secret")}
    keys["fernet_key"] = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    keys |= {f"password_of_{user}": secrets.token_urlsafe(12) for user in USERS}
    if keys.keys() - known.keys():
        home.mkdir(parents=True, exist_ok=True)
        known = keys | known
        _write_privately(path, known)
    return known


def _write_privately(path: Path, content: Mapping[str, str]) -> None:
    path.touch(mode=0o600)
    path.write_text(json.dumps(content))
