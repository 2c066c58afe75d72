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

from lifecycle.page import person, report, responses, static_files, view
from lifecycle.page.filters import requested_language
from lifecycle.page.locales import locale_of
from lifecycle.page.responses import message_page, render_page
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
    responses.install(app, settings)
    _add_figures(app, settings, policy)
    _add_person(app, settings, policy)
    _add_files(app, settings)
    return app


def _add_figures(app: FastAPI, settings: Settings, policy: AccessPolicy) -> None:
    @app.get("/")
    def main_page(request: Request, may_see_people: Annotated[bool, Depends(policy.may_see_people)]) -> HTMLResponse:
        page = view.read_page(policy.warehouse(), settings, request.query_params)
        if page is None:
            return message_page(request, settings, 200, *_no_data_yet(request, settings))
        values = {**view.template_values(page, settings), "is_report": False, "may_see_people": may_see_people}
        return render_page(request, "page", page.filters.language, **values)

    @app.get("/gap/{scenario}")
    def scenario_page(request: Request, scenario: str) -> HTMLResponse:
        page = view.read_scenario(policy.warehouse(), settings, request.query_params, scenario)
        if page is None:
            return message_page(request, settings, 200, *_no_data_yet(request, settings))
        if page.result is None:
            raise HTTPException(404)
        values: dict[str, Any] = {
            "result": page.result,
            "filters": page.filters,
            "currency": settings.currency,
            "is_report": False,
        }
        return render_page(request, "scenario_page", page.filters.language, **values)


def _add_person(app: FastAPI, settings: Settings, policy: AccessPolicy) -> None:
    def person_page(request: Request, user: str, entered_id: str) -> HTMLResponse:
        language = requested_language(request.query_params, settings)
        values: dict[str, Any] = {"entered_id": "", "problem": None, "person": None, "currency": settings.currency}
        if not entered_id:
            return render_page(request, "person", language, **values)
        _ = locale_of(language).text
        try:
            person_id = UUID(entered_id)
        except ValueError:
            values["problem"] = _(
                "This is not a valid ID. A valid one looks like 0004c4c7-ea45-8595-b53a-127673424bef."
            )
            return render_page(request, "person", language, 400, **values)
        person.record_view(policy.warehouse(), user, person_id)
        history = person.read(policy.warehouse(), person_id)
        values |= {"entered_id": str(person_id), "person": history}
        if history is None:
            values["problem"] = _("No person has this ID.")
        return render_page(request, "person", language, 200 if history else 404, **values)

    @app.get("/person", dependencies=[Depends(policy.people)])
    def by_link(request: Request, user: Annotated[str, Depends(policy.user)]) -> HTMLResponse:
        return person_page(request, user, request.query_params.get("id", "").strip())

    # the form posts, so that an id is in no address that a browser or a proxy keeps
    @app.post("/person", dependencies=[Depends(policy.people)])
    def by_form(
        request: Request,
        user: Annotated[str, Depends(policy.user)],
        entered_id: Annotated[str, Depends(_posted_id)],
    ) -> HTMLResponse:
        return person_page(request, user, entered_id)


async def _posted_id(request: Request) -> str:
    body = (await request.body())[:1000].decode("ascii", "replace")
    return parse_qs(body).get("id", [""])[0].strip()


def _add_files(app: FastAPI, settings: Settings) -> None:
    @app.get("/reports")
    def report_list(request: Request) -> HTMLResponse:
        language = requested_language(request.query_params, settings)
        return render_page(request, "reports", language, reports=report.dates(settings))

    @app.get("/reports/{run_date}")
    def report_file(run_date: date) -> Response:
        content = report.read(settings, run_date)
        if content is None:
            raise HTTPException(404)
        return HTMLResponse(content, headers={"Content-Security-Policy": responses.REPORT_POLICY})

    @app.get("/static/{name}")
    def static_file(name: str) -> FileResponse:
        path = static_files.path(name)
        if path is None:
            raise HTTPException(404)
        return FileResponse(path, media_type=static_files.TYPES[name], headers={"Cache-Control": A_YEAR})


def _no_data_yet(request: Request, settings: Settings) -> tuple[str, str]:
    _ = locale_of(requested_language(request.query_params, settings)).text
    return (
        _("No data yet"),
        _(
            "The figures appear after the first night. It runs as scheduled; to run it now, trigger the DAG"
            " lifecycle_nightly."
        ),
    )
