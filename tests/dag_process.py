"""A process that runs DAGs one after the other, as ``airflow dags test`` does: ``python -m tests.dag_process``.

Importing Airflow and loading the DAGs takes seconds, and is done once. Each line that the process reads is a run in
JSON: ``dag``, ``run_date``, ``conf``, and the ``environment`` that is to be changed for it and all that follow.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

DONE = "--- ended as "


@dataclass(frozen=True)
class DagProcess:
    """The process, as the test holds it."""

    process: "subprocess.Popen[str]"

    def run(self, dag: str, run_date: date, conf: Mapping[str, Any], **environment: str) -> tuple[str, str]:
        """Run a DAG to its end; return the run's state and all that was logged."""
        assert self.process.stdin
        assert self.process.stdout
        asked = {"dag": dag, "run_date": f"{run_date}", "conf": conf, "environment": environment}
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        log: list[str] = []
        for line in self.process.stdout:
            if line.startswith(DONE):
                return line.removeprefix(DONE).strip(), "".join(log)
            log.append(line)
        raise AssertionError("".join(log[-30:]))


@contextmanager
def dag_process(environment: Mapping[str, str]) -> Iterator[DagProcess]:
    """Start the process, and end it with the last run."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.dag_process"],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        yield DagProcess(process)
        assert process.stdin
        process.stdin.close()


def main() -> None:
    """Run what each line asks for."""
    from airflow.dag_processing.dagbag import BundleDagBag

    folder = Path(os.environ["AIRFLOW__CORE__DAGS_FOLDER"])
    bag = BundleDagBag(folder, bundle_path=folder)
    assert not bag.import_errors, bag.import_errors
    for line in sys.stdin:
        asked = json.loads(line)
        os.environ.update(asked["environment"])
        run_date = datetime.fromisoformat(asked["run_date"]).replace(tzinfo=UTC)
        done = bag.dags[asked["dag"]].test(logical_date=run_date, run_conf=asked["conf"])
        sys.stdout.write(f"\n{DONE}{done.state}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
