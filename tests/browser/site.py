"""What the browser looks at: Airflow, served on two nights of the demo's data."""

import json
import shutil
import socket
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from demo import airflow_home, nights, postgres, up

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
BUILD = ROOT / "build" / "test-browser"
NIGHTS = [nights.FIRST_NIGHT, nights.FIRST_NIGHT + timedelta(days=1)]
#: What the data is made by; where one of these is newer, it is made again.
MAKERS = (ROOT / "dbt_project", ROOT / "plugins" / "lifecycle" / "migrations")


@dataclass(frozen=True, slots=True)
class Site:
    """A served Airflow with the page in it."""

    place: up.Place

    @property
    def page(self) -> str:
        """The page's own address."""
        return f"{self.place.address}/lifecycle/"

    @property
    def warehouse(self) -> str:
        """The warehouse's URL, with every right."""
        return postgres.url(self.place.data / "postgres", "warehouse")

    def password(self, user: str) -> str:
        """A user's password."""
        return airflow_home.password(self.place.home, user)

    def token(self, user: str) -> str:
        """What Airflow's login gives to a user."""
        body = json.dumps({"username": user, "password": self.password(user)}).encode()
        request = urllib.request.Request(  # noqa: S310 - our own server on 127.0.0.1
            f"{self.place.address}/auth/token", data=body, headers={"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return str(json.load(answer)["access_token"])

    def row(self, query: str, *parameters: object) -> tuple[Any, ...]:
        """The first row that a query finds in the warehouse."""
        import psycopg

        with psycopg.connect(self.warehouse) as connection:
            row = connection.execute(query.encode(), parameters).fetchone()
        assert row is not None
        return row


@contextmanager
def served() -> Iterator[Site]:
    """Run the nights, unless they are there, and serve what came of them on ports that are free."""
    if not _is_fresh():
        nights.run_demo(BUILD / "demo", NIGHTS)
        shutil.rmtree(BUILD / "airflow", ignore_errors=True)
    place = up.Place(BUILD / "airflow", BUILD / "demo", _free_ports(3))
    up.start(place)
    try:
        yield Site(place)
    finally:
        up.stop(place)


def _is_fresh() -> bool:
    made = BUILD / "demo" / "summary.json"
    makers = [path for root in MAKERS for path in (root.rglob("*") if root.is_dir() else [root]) if path.is_file()]
    return made.exists() and made.stat().st_mtime > max(path.stat().st_mtime for path in makers)


def _free_ports(count: int) -> int:
    """The first of so many free ports in a row."""
    for first in range(9400, 9900, count):
        listeners = [socket.socket() for _ in range(count)]
        try:
            for number, listener in enumerate(listeners):
                listener.bind(("127.0.0.1", first + number))
        except OSError:
            continue
        else:
            return first
        finally:
            for listener in listeners:
                listener.close()
    message = "no free ports between 9400 and 9900"
    raise RuntimeError(message)
