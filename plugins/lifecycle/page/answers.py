"""What every answer has: its headers, and words for whatever goes wrong."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import psycopg
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, Response
from starlette.exceptions import HTTPException

from lifecycle.errors import AccessDenied, LifecycleError, SettingsInvalid
from lifecycle.page import render, static_files
from lifecycle.page.choice import ChoiceWrong, language_of
from lifecycle.page.tables import marked
from lifecycle.page.words import words
from lifecycle.settings import Settings

#: Plotly writes styles into what it draws.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
)
#: A report holds its own script; in a sandbox it has no part in the session of who reads it.
POLICY_OF_FILES = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'self'; sandbox allow-scripts allow-modals"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

UNAUTHORIZED, FORBIDDEN, NOT_FOUND = 401, 403, 404
REFUSALS = {
    UNAUTHORIZED: (marked("Please log in"), marked("This page is only for who is logged in.")),
    FORBIDDEN: (marked("Not allowed"), marked("You may not see this; whoever runs Airflow can give you the right.")),
    NOT_FOUND: (marked("Nothing here"), marked("There is no such page, scenario or report.")),
}

log = logging.getLogger(__name__)


def answer(request: Request, template: str, language: str, status: int = 200, **given: Any) -> HTMLResponse:
    """A page from a template."""
    given |= {"root": _root(request), **static_files.versions()}
    return HTMLResponse(render.html(template, language, **given), status)


def message(request: Request, settings: Settings, status: int, title: str, *lines: str) -> HTMLResponse:
    """A page that only says something."""
    language = language_of(request.query_params, settings)
    way_back = status not in {UNAUTHORIZED, FORBIDDEN}
    return answer(request, "message", language, status, title=title, lines=lines, way_back=way_back)


def prepare(app: FastAPI, settings: Settings) -> None:
    """Give the application its headers and its words for errors."""

    @app.middleware("http")
    async def add_headers(request: Request, call: Callable[[Request], Awaitable[Response]]) -> Response:
        response = await call(request)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    @app.exception_handler(ChoiceWrong)
    def wrong(request: Request, error: ChoiceWrong) -> HTMLResponse:
        return message(request, settings, 400, _say(request, settings)("That can't be shown"), *error.problems)

    @app.exception_handler(HTTPException)
    def refused(request: Request, error: HTTPException) -> HTMLResponse:
        _ = _say(request, settings)
        title, line = REFUSALS.get(error.status_code, (str(error.detail), ""))
        found = message(request, settings, error.status_code, _(title), _(line) if line else "")
        found.headers.update(error.headers or {})
        return found

    @app.exception_handler(RequestValidationError)
    def unreadable(request: Request, error: RequestValidationError) -> HTMLResponse:  # noqa: ARG001 - FastAPI hands it over
        title, line = REFUSALS[NOT_FOUND]
        _ = _say(request, settings)
        return message(request, settings, NOT_FOUND, _(title), _(line))

    @app.exception_handler(LifecycleError)
    def stopped(request: Request, error: LifecycleError) -> HTMLResponse:
        log.warning("the page can't be shown: %s", error)
        return message(request, settings, 503, *_explained(error, _say(request, settings)), str(error))

    @app.exception_handler(psycopg.Error)
    def failed(request: Request, error: psycopg.Error) -> HTMLResponse:
        _ = _say(request, settings)
        log.error("a query of the page failed (%s)", type(error).__name__)
        line = _("A query failed (%s); try again, or tell whoever runs the warehouse.") % type(error).__name__
        return message(request, settings, 503, _("The figures can't be read"), line)


def _explained(error: LifecycleError, _: Callable[[str], str]) -> tuple[str, str]:
    if isinstance(error, SettingsInvalid):
        return (
            _("The page is not connected yet"),
            _("The connection that the page reads by is missing or wrong; whoever runs Airflow can set it up:"),
        )
    if isinstance(error, AccessDenied):
        return (
            _("The page lacks a right"),
            _("Whoever runs the warehouse has to give it to the page's login; the next night gives the others:"),
        )
    return _("The warehouse can't be reached"), _("Try again in a few minutes; if it lasts, tell whoever runs it:")


def _say(request: Request, settings: Settings) -> Callable[[str], str]:
    return words(language_of(request.query_params, settings)).text


def _root(request: Request) -> str:
    """The way from an address to the page itself, whatever it is mounted at."""
    path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
    return "../" * (path.count("/") - 1) or "./"
