"""Which Python 'make setup' takes, and what it says where there is none that fits."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from demo.airflow_home import ROOT

MAKE = shutil.which("make") or "make"
#: A version manager's shim of a Python that is not there.
SHIM = "echo 'command not found' >&2; exit 127"
FITS = f'exec {sys.executable} "$@"'
#: A Python without ensurepip, or of another version: it runs, and says no.
UNFIT = "exit 1"


def make(folder: Path, pythons: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run make with these programs alone, and what a shell needs."""
    for name in ("sh", "bash", "sed", "cat", "sort", "env", "test", "echo"):
        (folder / name).symlink_to(shutil.which(name) or name)
    for name, script in pythons.items():
        program = folder / name
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
    others = {name: value for name, value in os.environ.items() if name != "PYTHON" and not name.startswith("MAKE")}
    command = [MAKE, f"VENV={folder / 'venv'}", *arguments]
    surroundings = {**others, "PATH": f"{folder}"}
    return subprocess.run(command, cwd=ROOT, env=surroundings, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("pythons", "taken"),
    [
        ({"python3.13": FITS, "python3.12": FITS, "python3": FITS}, "python3.13"),
        ({"python3.13": SHIM, "python3.12": FITS, "python3.11": FITS}, "python3.12"),
        ({"python3.12": SHIM, "python3.11": UNFIT, "python3": FITS}, "python3"),
        ({"python": FITS}, "python"),
        ({"python3": UNFIT}, ""),
    ],
)
def test_setup_takes_the_newest_python_that_runs_and_fits(tmp_path: Path, pythons: dict[str, str], taken: str) -> None:
    done = make(tmp_path, pythons, "--eval=taken: ; @echo $(PYTHON)", "taken")
    assert (done.returncode, done.stdout.strip()) == (0, taken), done.stderr


@pytest.mark.parametrize("arguments", [(), ("PYTHON=python3",)])
def test_where_no_python_fits_setup_says_what_to_install(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = make(tmp_path, {"python3": UNFIT}, "setup", *arguments)
    assert done.returncode
    assert "is not a Python 3.11, 3.12 or 3.13" in done.stdout
    assert "apt-get install python3 python3-venv" in done.stdout
    assert not (tmp_path / "venv").exists()
