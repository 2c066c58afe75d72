"""The page of one night as a file that needs nothing else: no server, no network, no right; it holds sums alone."""

import contextlib
import os
import re
from datetime import date
from pathlib import Path, PurePosixPath
from typing import Any
from uuid import uuid4

from lifecycle import warehouse
from lifecycle.page import figures, render, static_files, view
from lifecycle.page.choice import usual
from lifecycle.page.marts import FIGURES, Marts
from lifecycle.settings import PROJECT, Settings

NAME = re.compile(r"lifecycle-(\d{4}-\d\d-\d\d)\.html")


def write(url: str, settings: Settings, run_date: date, language: str | None = None) -> str:
    """Write the report of a night, of 90 days up to it, and return its place; the same figures give the same bytes."""
    content = _content(url, settings, run_date, language or settings.language).encode()
    storage, folder = _folder(settings)
    place, unfinished = f"{folder}/lifecycle-{run_date}.html", f"{folder}/.{uuid4().hex}.tmp"
    storage.makedirs(folder, exist_ok=True)
    try:
        storage.pipe_file(unfinished, content)
        storage.mv(unfinished, place)
    except Exception:
        with contextlib.suppress(OSError):
            storage.rm_file(unfinished)
        raise
    return str(storage.unstrip_protocol(place))


def kept(settings: Settings) -> list[date]:
    """The nights of which there is a report, the newest first."""
    storage, folder = _folder(settings)
    if not storage.isdir(folder):
        return []
    names = [NAME.fullmatch(PurePosixPath(path).name) for path in storage.ls(folder, detail=False)]
    return sorted((date.fromisoformat(name[1]) for name in names if name), reverse=True)


def read(settings: Settings, run_date: date) -> bytes | None:
    """A night's report; None if there is none."""
    storage, folder = _folder(settings)
    try:
        return bytes(storage.cat_file(f"{folder}/lifecycle-{run_date}.html"))
    except FileNotFoundError:
        return None


def _folder(settings: Settings) -> tuple[Any, str]:
    """Where reports are kept: a folder of any storage; a relative one lies where nights leave their files."""
    from fsspec.core import url_to_fs

    stated, work = settings.reports, Path(os.environ.get("LIFECYCLE_WORK") or PROJECT / "build")
    storage, folder = url_to_fs(stated if "://" in stated else str(work / stated))
    return storage, str(folder).rstrip("/")


def _content(url: str, settings: Settings, run_date: date, language: str) -> str:
    choice = usual(settings, run_date, language)
    with warehouse.acting_as(url, FIGURES) as connection:
        found = figures.read(Marts.of(connection), settings, choice, is_whole=True)
    shown = view.shown(view.View(run_date, choice, found), settings)
    files = {
        "style": static_files.content("page.css"),
        "script": static_files.content("page.js"),
        "plotly": static_files.content(static_files.PLOTLY),
    }
    return render.html("report", language, **shown, **files, is_report=True, root="./")
