"""One run of the project's dbt in a process of its own: ``python -m bench._build DATE TARGET MODEL…``."""

import json
import sys

from dbt.cli.main import dbtRunner

from bench.stages import rules
from lifecycle.settings import DBT_PROJECT


def main() -> None:
    """Build the named models, without tests."""
    run_date, target, *selected = sys.argv[1:]
    variables = {"run_date": run_date, "lifecycle": rules().model_dump(mode="json")}
    folders = ["--project-dir", str(DBT_PROJECT), "--profiles-dir", str(DBT_PROJECT)]
    outputs = ["--target-path", target, "--log-path", target, "--quiet"]
    nodes = ["--exclude-resource-type", "unit_test", "test", "--select", *selected]
    done = dbtRunner().invoke(["build", *nodes, *folders, *outputs, "--vars", json.dumps(variables)])
    if not done.success:
        sys.exit(f"dbt could not build: {done.exception or ''}")


if __name__ == "__main__":
    main()
