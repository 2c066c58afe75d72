"""Serve Airflow on the demo's data: ``python -m demo.up start|stop|airflow``, or ``make up``, ``make down``.

Six processes of ``demo/Procfile`` and the embedded PostgreSQL, all on 127.0.0.1. ``start`` comes back when
everything answers; what the processes say is in ``up.log``. Whoever holds ``up.lock`` is the one that runs.
"""

import argparse
import fcntl
import http.client
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from demo import airflow_home, postgres
from demo.serve import CREDENTIALS

HOME = Path("build/airflow")
START_SECONDS = 180
STOP_SECONDS = 30
PARTS = ("metadatabase", "scheduler", "triggerer", "dag_processor")


@dataclass(frozen=True, slots=True)
class Place:
    """Where the served Airflow lives, where the demo's nights left their data, the first of three ports."""

    home: Path
    data: Path
    port: int

    @property
    def address(self) -> str:
        """Airflow's address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def shop_port(self) -> int:
        """The demo shop's port."""
        return self.port + 1

    @property
    def esp_port(self) -> int:
        """The demo e-mail provider's port."""
        return self.port + 2


def start(place: Place) -> None:
    """Start everything and wait until it is healthy; a second start changes nothing.

    Raises ``RuntimeError`` if a port is taken or a process ends, with the last lines of the log.
    """
    place.home.mkdir(parents=True, exist_ok=True)
    with (place.home / "up.lock").open("w") as lock:
        if _take(lock):
            _require_free(place.port, place.shop_port, place.esp_port)
            surroundings = _surroundings(place)
            airflow_home.migrate(surroundings)
            _parse_models(place, surroundings)
            honcho = _launch(place, surroundings, lock)
            complaint = f"not healthy after {START_SECONDS} s; {_log(place)} may say why, 'make down' stops it"
            _wait_for(lambda: _running(place, honcho) and _healthy(place), complaint, START_SECONDS)
    users = (f"user {user}, password {airflow_home.password(place.home, user)}" for user in airflow_home.USERS)
    _say(f"open {place.address} ({'; or '.join(users)}, who only looks);")
    _say(f"the marketer's page is 'Lifecycle' in its navigation, and {place.address}/lifecycle/;")
    _say(f"the processes write to {_log(place)}; 'make down' stops them")


def stop(place: Place) -> None:
    """Stop everything that ``start`` started; nothing to stop is fine."""
    if is_running(place.home):
        os.kill(int((place.home / "up.pid").read_text()), signal.SIGTERM)
        complaint = f"the processes of {place.home} don't end"
        _wait_for(lambda: not is_running(place.home), complaint, STOP_SECONDS)
    if (place.data / "postgres").exists():
        postgres.stop(place.data / "postgres")
    _say("stopped")


def airflow(place: Place, arguments: Sequence[str]) -> None:
    """Become Airflow's own command line, in the surroundings of the served Airflow."""
    surroundings = {**os.environ, **_surroundings(place)}
    os.execve(sys.executable, [sys.executable, "-m", "airflow", *arguments], surroundings)  # noqa: S606 - no shell


def is_running(home: Path) -> bool:
    """Whether the Airflow of this home is being served."""
    lock = home / "up.lock"
    if not lock.exists():
        return False
    with lock.open("r+") as handle:
        return not _take(handle)


def _take(lock: IO[str]) -> bool:
    """Whether nobody held the lock; from now on the caller does, and every process it is handed to."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _require_free(*ports: int) -> None:
    for port in ports:
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                message = f"port {port} is taken; 'make up PORT=9080' takes 9080 to 9082 instead"
                raise RuntimeError(message) from None


def _surroundings(place: Place) -> dict[str, str]:
    """The environment of the six processes; starts PostgreSQL, whose port is part of it."""
    database = place.data / "postgres"
    postgres.start(database)
    defaults = {name: value for server in CREDENTIALS.values() for name, value in server.items()}
    credentials = {name: os.environ.get(name, value) for name, value in defaults.items()}
    connections = {
        "warehouse": postgres.create_database(database, "warehouse"),
        "warehouse_page": postgres.reading_login(database, "warehouse"),
        "woocommerce_demo": airflow_home.http_connection(
            f"http://127.0.0.1:{place.shop_port}",
            login=credentials["DEMO_SHOP_KEY"],
            password=credentials["DEMO_SHOP_SECRET"],
        ),
        "sendgrid_default": airflow_home.http_connection(
            f"http://127.0.0.1:{place.esp_port}", password=credentials["DEMO_ESP_KEY"]
        ),
    }
    metadata = postgres.create_database(database, "airflow")
    return {
        **airflow_home.environment(place.home, connections, metadata=metadata, port=place.port),
        **airflow_home.work(place.data),
        # the sales end in the past: nights run when somebody triggers one, never for yesterday's date
        "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "false",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "false",
        "LIFECYCLE_DBT_MANIFEST": f"{_models(place) / 'manifest.json'}",
        "DEMO_DATA": shlex.quote(f"{(place.data.parent / 'journey').resolve()}"),
        "DEMO_SHOP_PORT": f"{place.shop_port}",
        "DEMO_ESP_PORT": f"{place.esp_port}",
        "DEMO_ESP_STATE": shlex.quote(f"{(place.data / 'esp').resolve()}"),
    }


def _models(place: Place) -> Path:
    """Where dbt leaves what it read of the models: the DAG makes each of them a task of its own."""
    return place.home.resolve() / "dbt"


def _parse_models(place: Place, surroundings: dict[str, str]) -> None:
    """Let dbt read the models; a ``RuntimeError`` holds its last words."""
    project, target = f"{airflow_home.ROOT / 'dbt_project'}", f"{_models(place)}"
    folders = ["--project-dir", project, "--profiles-dir", project, "--target-path", target, "--log-path", target]
    # nothing is connected to: the profile only has to be complete
    profile = dict.fromkeys(("DBT_HOST", "DBT_USER", "DBT_PASSWORD", "DBT_DBNAME"), "-") | {"DBT_PORT": "0"}
    done = subprocess.run(  # noqa: S603 - the dbt beside this Python
        [f"{Path(sys.executable).with_name('dbt')}", "--quiet", "--no-use-colors", "parse", *folders],
        env={**os.environ, **surroundings, **profile},
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        message = "\n".join(["'dbt parse' failed:", *done.stdout.splitlines()[-airflow_home.LAST_LINES :]])
        raise RuntimeError(message)


def _launch(place: Place, surroundings: dict[str, str], lock: IO[str]) -> "subprocess.Popen[bytes]":
    """Start honcho in a session of its own; it keeps the lock open as long as it lives."""
    options = ["--no-colour", "--env", os.devnull, "--procfile", f"{Path(__file__).with_name('Procfile')}"]
    with _log(place).open("wb") as log:
        honcho = subprocess.Popen(  # noqa: S603 - our own Procfile
            [sys.executable, "-m", "honcho", *options, "start"],
            env={**os.environ, **surroundings},
            cwd=airflow_home.ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=[lock.fileno()],
        )
    (place.home / "up.pid").write_text(f"{honcho.pid}")
    return honcho


def _wait_for(condition: Callable[[], bool], complaint: str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(complaint)
        time.sleep(0.5)


def _log(place: Place) -> Path:
    return place.home / "up.log"


def _running(place: Place, honcho: "subprocess.Popen[bytes]") -> bool:
    """Always true; raises ``RuntimeError`` with the last lines of the log if honcho has stopped."""
    if honcho.poll() is not None:
        lines = _log(place).read_text(errors="replace").splitlines()
        message = "\n".join(["a process ended, and the others with it:", *lines[-airflow_home.LAST_LINES :]])
        raise RuntimeError(message)
    return True


def _healthy(place: Place) -> bool:
    """Whether both demo servers answer and every part of Airflow says of itself that it is well."""
    server = http.client.HTTPConnection("127.0.0.1", place.port, timeout=5)
    try:
        for port in (place.shop_port, place.esp_port):
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        server.request("GET", "/api/v2/monitor/health")
        parts = json.load(server.getresponse())
    except (OSError, http.client.HTTPException, ValueError):
        return False
    finally:
        server.close()
    return all(parts[part]["status"] == "healthy" for part in PARTS)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


def main() -> None:
    """``python -m demo.up start|stop|airflow [--port N]``; what follows ``airflow`` is Airflow's."""
    parser = argparse.ArgumentParser(prog="demo.up", description="Serve Airflow on the demo's data.")
    parser.add_argument("--home", type=Path, default=HOME)
    parser.add_argument("--data", type=Path, default=Path("build/demo"))
    parser.add_argument("--port", type=int, default=airflow_home.PORT)
    parser.add_argument("action", choices=["start", "stop", "airflow"])
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    asked = parser.parse_args()
    place = Place(asked.home, asked.data, asked.port)
    try:
        match asked.action:
            case "start":
                start(place)
            case "stop":
                stop(place)
            case _:
                airflow(place, asked.arguments)
    except RuntimeError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
