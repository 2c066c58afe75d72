"""The demo: a first night over the history, then a night for each of seven days, on a grocer's real year.

Shop and e-mail provider are the demo's servers, the warehouse is the embedded PostgreSQL, the nights are runs of the
real DAG. Everything is made again under ``build/demo``, and stays there for ``make up``.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from demo import airflow_home, postgres, up
from demo.serve import CREDENTIALS
from lifecycle.settings import STAGES

FIRST_NIGHT = date(2017, 12, 24)
FURTHER_NIGHTS = 7
ZONE = ZoneInfo("America/New_York")
RUNS_AT = time_of_day(3, 30)
DELIVERY = ("planned", "sent", "confirmed", "rejected")
PROGRESS = tuple(
    re.compile(words)
    for words in (r"NIGHT (\S+)", r"starting task_id=(\S+)", r"(\S+, stream \S+: \d+ pages, \d+ documents)")
)


def main() -> None:
    """``python -m demo.nights [--home FOLDER] [--nights N]``."""
    parser = argparse.ArgumentParser(prog="demo.nights", description="Run the demo's nights.")
    parser.add_argument("--home", type=Path, default=Path("build/demo"))
    parser.add_argument("--nights", type=int, default=1 + FURTHER_NIGHTS)
    parser.add_argument("--run", nargs="*", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.run is not None:
        run_nights(asked.run)
        return
    if up.is_running(up.HOME):
        sys.exit("Airflow is served on the demo's data; 'make down' stops it, then the demo can start again")
    began = time.monotonic()
    nights = [FIRST_NIGHT + timedelta(days=number) for number in range(asked.nights)]
    summaries = run_demo(asked.home, nights)
    say(report(summaries))
    say(f"\n{len(nights)} nights in {time.monotonic() - began:.0f} s. To look further:")
    say(f"  {asked.home}/summary.json   the same figures, night by night")
    say(f"  {asked.home}/nights.log     the output of Airflow, dlt, dbt and the checks")
    say("  make up                    Airflow on this data, in the browser")
    say("  make psql                  the warehouse: marts.customers, marts.stage_transitions, delivery.plan …")


def run_demo(home: Path, nights: list[date]) -> list[dict[str, Any]]:
    """Run the nights from nothing and return their summaries, oldest first."""
    postgres.remove(home / "postgres")
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    say("Starting PostgreSQL, the shop and the e-mail provider …")
    postgres.start(home / "postgres")
    warehouse = postgres.create_database(home / "postgres", "warehouse")
    with ExitStack() as stack:
        shop = stack.enter_context(_server("shop", home))
        esp = stack.enter_context(_server("esp", home, "--state", str(home / "esp")))
        surroundings = airflow_home.environment(home / "airflow", _connections(home, warehouse, shop, esp))
        airflow_home.migrate(surroundings)
        _watch(home, nights, {**os.environ, **surroundings, **airflow_home.work(home), "DEMO_SERVERS": f"{shop} {esp}"})
    summaries = _summaries(warehouse)
    postgres.stop(home / "postgres")
    (home / "summary.json").write_text(json.dumps({"nights": summaries}, indent=2) + "\n")
    return summaries


def _connections(home: Path, warehouse: str, shop: str, esp: str) -> dict[str, str]:
    known = {name: value for server in CREDENTIALS.values() for name, value in server.items()}
    known = {name: os.environ.get(name, value) for name, value in known.items()}
    return {
        "warehouse": warehouse,
        "warehouse_page": postgres.reading_login(home / "postgres", "warehouse"),
        "woocommerce_demo": airflow_home.http_connection(
            shop, login=known["DEMO_SHOP_KEY"], password=known["DEMO_SHOP_SECRET"]
        ),
        "sendgrid_default": airflow_home.http_connection(esp, password=known["DEMO_ESP_KEY"]),
    }


@contextmanager
def _server(kind: str, home: Path, *options: str) -> Iterator[str]:
    """One of the demo's servers in a process of its own, on a free port; gives its address."""
    command = [
        sys.executable,
        "-m",
        "demo.serve",
        kind,
        "--port",
        "0",
        "--data",
        str(home.parent / "journey"),
        *options,
    ]
    with (home / f"{kind}.log").open("w") as log:
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)  # noqa: S603 - our own
        try:
            line = server.stdout.readline() if server.stdout else ""
            if "http" not in line:
                message = f"the demo's {kind} server did not start; see {log.name}"
                raise RuntimeError(message)
            yield line.split()[-1]
        finally:
            server.terminate()
            server.wait()


def _watch(home: Path, nights: list[date], surroundings: dict[str, str]) -> None:
    """Run the nights in one process, keep what it says in the log, and show how far it is."""
    command = [sys.executable, "-m", "demo.nights", "--run", *map(str, nights)]
    with (home / "nights.log").open("w") as log, subprocess.Popen(  # noqa: S603 - ourselves
        command, env=surroundings, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:  # fmt: skip
        for line in process.stdout or ():
            log.write(line)
            _progress(line)
    if process.returncode:
        lines = (home / "nights.log").read_text().splitlines()
        sys.exit("\n".join([*lines[-15:], f"A night failed; {home}/nights.log says why."]))


def _progress(line: str) -> None:
    """Show what of the log tells how far the nights are."""
    for mark in PROGRESS:
        if match := mark.search(line):
            say(f"  {match[1]}" if mark is not PROGRESS[0] else f"The night of {match[1]}")


def run_nights(nights: list[str]) -> None:
    """Run the DAG for each date, in this process, and learn from the first night; the environment is the demo's."""
    from airflow.dag_processing.dagbag import BundleDagBag

    folder = Path(os.environ["AIRFLOW__CORE__DAGS_FOLDER"])
    bag = BundleDagBag(folder, bundle_path=folder)
    if bag.import_errors:
        sys.exit(str(bag.import_errors))

    def run(dag: str, night: str, **conf: object) -> None:
        done = bag.dags[dag].test(logical_date=datetime.fromisoformat(night).replace(tzinfo=UTC), run_conf=conf)
        if done.state != "success":
            sys.exit(f"{dag} for {night} ended as {done.state}")

    for night in nights:
        say(f"NIGHT {night}")
        _set_clocks(date.fromisoformat(night))
        run("lifecycle_nightly", night, ask=False)
        if night == nights[0]:
            run("lifecycle_calibrate", night)


def _set_clocks(night: date) -> None:
    """Shop and provider know what has happened when the night's run starts, in the small hours of the day after."""
    moment = datetime.combine(night + timedelta(days=1), RUNS_AT, ZONE).astimezone(UTC)
    body = json.dumps({"now": moment.isoformat()}).encode()
    for address in os.environ["DEMO_SERVERS"].split():
        urllib.request.urlopen(  # noqa: S310 - our own server on 127.0.0.1
            urllib.request.Request(f"{address}/_demo/clock", data=body, method="PUT"),  # noqa: S310
            timeout=10,
        ).close()


def _summaries(warehouse: str) -> list[dict[str, Any]]:
    import psycopg

    with psycopg.connect(warehouse) as connection:
        rows = connection.execute(
            "select summary from delivery.run where summary is not null order by run_date"
        ).fetchall()
    return [row[0] for row in rows]


def report(summaries: list[dict[str, Any]]) -> str:
    """The last night in words and figures, with the change since the night before."""
    last = summaries[-1]
    before = summaries[-2] if len(summaries) > 1 else {"stages": {}}
    sent = last["delivery"]
    lines = [f"\nThe night of {last['date']}", "", f"  {'stage':<12}{'persons':>9}{'change':>9}"]
    for stage in STAGES:
        count = last["stages"].get(stage, 0)
        lines.append(f"  {stage:<12}{count:>9,}{count - before['stages'].get(stage, 0):>+9,}")
    lines += ["", "  who moved that day"]
    lines += [f"  {move.replace('->', ' → '):<30}{count:>6,}" for move, count in sorted(last["last_night"].items())]
    lines += ["", f"  {'audience':<20}{'members':>9}{'added':>8}{'removed':>9}{'held out':>10}"]
    for name, audience in sorted(last["audiences"].items()):
        figures = (
            f"{audience['members']:>9,}{audience['added']:>8,}{audience['removed']:>9,}{audience['held_out']:>10,}"
        )
        lines.append(f"  {name:<20}{figures}")
    lines += ["", "  delivery: " + ", ".join(f"{sent[name]:,} {name}" for name in DELIVERY)]
    lines += ["", "  the provider's lists, read back"]
    lines += [f"  {name:<30}{count:>6,}" for name, count in sorted(last["esp"].items())]
    return "\n".join(lines)


def say(text: str) -> None:
    """A line on the screen, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
