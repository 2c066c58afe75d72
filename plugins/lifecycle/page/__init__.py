"""The marketer's page: figures for everybody who may open Airflow, persons for a few, and the same page as a file.

``application`` imports no Airflow: an ``AccessPolicy`` says who may see what. The page reads the warehouse with a
login of its own, and writes nothing but the record of who looked at which person.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any
from urllib.parse import parse_qs
from uuid import UUID

from fastapi import Depends, FastAPI, Request
from fastapi.responses import FileResponse, HTMLResponse, Response
from starlette.exceptions import HTTPException

from lifecycle.page import answers, person, report, static_files, view
from lifecycle.page.answers import answer, message
from lifecycle.page.choice import language_of
from lifecycle.page.words import words
from lifecycle.settings import Settings

A_YEAR = "private, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    """Who may see what, as FastAPI dependencies, and the login to the warehouse."""

    figures: Callable[..., Any]  # raises 401 or 403 for users who may not see figures
    people: Callable[..., Any]  # raises 401 or 403 for users who may not see persons
    user: Callable[..., str]  # the user's name, for the access record
    may_see_people: Callable[..., bool]  # whether to link to persons
    warehouse: Callable[[], str]  # URL of the read-only login; raises SettingsInvalid if it is not configured


def application(settings: Settings, policy: AccessPolicy) -> FastAPI:
    """The page as an application of its own, to be served or mounted anywhere."""
    app = FastAPI(
        title="Lifecycle", docs_url=None, redoc_url=None, openapi_url=None, dependencies=[Depends(policy.figures)]
    )
    answers.prepare(app, settings)
    _show_figures(app, settings, policy)
    _show_people(app, settings, policy)
    _show_files(app, settings)
    return app


def _show_figures(app: FastAPI, settings: Settings, policy: AccessPolicy) -> None:
    @app.get("/")
    def page(request: Request, may_see_people: Annotated[bool, Depends(policy.may_see_people)]) -> HTMLResponse:
        found = view.page(policy.warehouse(), settings, request.query_params)
        if found is None:
            return message(request, settings, 200, *_no_night(request, settings))
        shown = view.shown(found, settings)
        return answer(request, "page", found.choice.language, **shown, is_report=False, may_see_people=may_see_people)

    @app.get("/gap/{scenario}")
    def gap(request: Request, scenario: str) -> HTMLResponse:
        found = view.line(policy.warehouse(), settings, request.query_params, scenario)
        if found is None:
            return message(request, settings, 200, *_no_night(request, settings))
        if found.line is None:
            raise HTTPException(404)
        given: dict[str, Any] = {
            "line": found.line,
            "choice": found.choice,
            "currency": settings.currency,
            "is_report": False,
        }
        return answer(request, "line", found.choice.language, **given)


def _show_people(app: FastAPI, settings: Settings, policy: AccessPolicy) -> None:
    def show(request: Request, user: str, stated: str) -> HTMLResponse:
        language = language_of(request.query_params, settings)
        given: dict[str, Any] = {"stated": "", "problem": None, "person": None, "currency": settings.currency}
        if not stated:
            return answer(request, "person", language, **given)
        _ = words(language).text
        try:
            wanted = UUID(stated)
        except ValueError:
            given["problem"] = _("That is no id; one looks like 0004c4c7-ea45-8595-b53a-127673424bef.")
            return answer(request, "person", language, 400, **given)
        person.record(policy.warehouse(), user, wanted)
        found = person.read(policy.warehouse(), wanted)
        given |= {"stated": str(wanted), "person": found}
        if found is None:
            given["problem"] = _("Nobody has this id.")
        return answer(request, "person", language, 200 if found else 404, **given)

    @app.get("/person", dependencies=[Depends(policy.people)])
    def linked(request: Request, user: Annotated[str, Depends(policy.user)]) -> HTMLResponse:
        return show(request, user, request.query_params.get("id", "").strip())

    # the form posts, so that an id is in no address that a browser or a proxy keeps
    @app.post("/person", dependencies=[Depends(policy.people)])
    def asked(
        request: Request,
        user: Annotated[str, Depends(policy.user)],
        stated: Annotated[str, Depends(_posted_id)],
    ) -> HTMLResponse:
        return show(request, user, stated)


async def _posted_id(request: Request) -> str:
    body = (await request.body())[:1000].decode("ascii", "replace")
    return parse_qs(body).get("id", [""])[0].strip()


def _show_files(app: FastAPI, settings: Settings) -> None:
    @app.get("/reports")
    def reports(request: Request) -> HTMLResponse:
        language = language_of(request.query_params, settings)
        return answer(request, "reports", language, reports=report.kept(settings))

    @app.get("/reports/{run_date}")
    def kept(run_date: date) -> Response:
        content = report.read(settings, run_date)
        if content is None:
            raise HTTPException(404)
        return HTMLResponse(content, headers={"Content-Security-Policy": answers.POLICY_OF_FILES})

    @app.get("/static/{name}")
    def static(name: str) -> FileResponse:
        found = static_files.path(name)
        if found is None:
            raise HTTPException(404)
        headers = {"Cache-Control": A_YEAR}
        return FileResponse(found, media_type=static_files.TYPES[name], headers=headers)


def _no_night(request: Request, settings: Settings) -> tuple[str, str]:
    _ = words(language_of(request.query_params, settings)).text
    return (
        _("No night has run yet"),
        _("The figures come with the first night: the DAG lifecycle_nightly, by its schedule or started by hand."),
    )
