"""The page of one night as a single file, which needs no server, network or login and holds aggregates only."""

import contextlib
import re
from datetime import date
from pathlib import PurePosixPath
from typing import Any
from uuid import uuid4

from lifecycle import warehouse
from lifecycle.page import figures, render, static_files, view
from lifecycle.page.filters import default_filters
from lifecycle.page.marts import FIGURES_ROLE, Marts
from lifecycle.settings import Settings, work_folder

NAME = re.compile(r"lifecycle-(\d{4}-\d\d-\d\d)\.html")


def write(url: str, settings: Settings, run_date: date, language: str | None = None) -> str:
    """Write the report of the 90 days up to a night and return its URL; the same figures give the same bytes."""
    content = _content(url, settings, run_date, language or settings.language).encode()
    storage, folder = _folder(settings)
    path, unfinished = f"{folder}/lifecycle-{run_date}.html", f"{folder}/.{uuid4().hex}.tmp"
    storage.makedirs(folder, exist_ok=True)
    try:
        storage.pipe_file(unfinished, content)
        storage.mv(unfinished, path)
    except Exception:
        with contextlib.suppress(OSError):
            storage.rm_file(unfinished)
        raise
    return str(storage.unstrip_protocol(path))


def dates(settings: Settings) -> list[date]:
    """The nights that have a report, the newest first."""
    storage, folder = _folder(settings)
    if not storage.isdir(folder):
        return []
    matches = [NAME.fullmatch(PurePosixPath(path).name) for path in storage.ls(folder, detail=False)]
    return sorted((date.fromisoformat(match[1]) for match in matches if match), reverse=True)


def read(settings: Settings, run_date: date) -> bytes | None:
    """A night's report; None if there is none."""
    storage, folder = _folder(settings)
    try:
        return bytes(storage.cat_file(f"{folder}/lifecycle-{run_date}.html"))
    except FileNotFoundError:
        return None


def _folder(settings: Settings) -> tuple[Any, str]:
    """The folder of the reports in any storage; a relative one is below the work folder of the nights."""
    from fsspec.core import url_to_fs

    reports = settings.reports
    storage, folder = url_to_fs(reports if "://" in reports else str(work_folder() / reports))
    return storage, str(folder).rstrip("/")


def _content(url: str, settings: Settings, run_date: date, language: str) -> str:
    filters = default_filters(settings, run_date, language)
    with warehouse.acting_as(url, FIGURES_ROLE) as connection:
        values = figures.read(Marts.of(connection), settings, filters, is_whole=True)
    page = view.template_values(view.View(run_date, filters, values), settings)
    files = {
        "style": static_files.content("page.css"),
        "script": static_files.content("page.js"),
        "plotly": static_files.content(static_files.PLOTLY),
    }
    return render.html("report", language, **page, **files, is_report=True, root="./")
