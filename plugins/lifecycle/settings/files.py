"""Where the project's files lie: beside the code in a checkout, within the package once that is installed."""

import os
import tempfile
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
CHECKOUT = PACKAGE.parents[1]


def shipped(name: str) -> Path:
    """A file or folder that comes with the project."""
    packaged = PACKAGE / name
    return packaged if packaged.exists() else CHECKOUT / name


#: The project's own, or the copy of it that ``LIFECYCLE_DBT_PROJECT`` names.
DBT_PROJECT = Path(os.environ.get("LIFECYCLE_DBT_PROJECT") or shipped("dbt_project"))
EXPECTATIONS = shipped("expectations")


def work_folder() -> Path:
    """Where nights leave files: ``LIFECYCLE_WORK``, else a checkout's ``build``, else the temporary folder."""
    if named := os.environ.get("LIFECYCLE_WORK"):
        return Path(named)
    is_installed = (PACKAGE / "dbt_project").exists()
    return Path(tempfile.gettempdir()) / "lifecycle" if is_installed else CHECKOUT / "build"


def quiet_environment() -> dict[str, str]:
    """The variables of ``quiet.env``, which keep every library from phoning home."""
    lines = shipped("quiet.env").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
