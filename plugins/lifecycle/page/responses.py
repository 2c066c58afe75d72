"""What every response has: its headers, and a message for every error."""

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
from lifecycle.page.filters import InvalidFilters, requested_language
from lifecycle.page.labels import translatable
from lifecycle.page.locales import locale_of
from lifecycle.settings import Settings

#: Plotly writes styles into what it draws.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
)
#: A report holds its own script; the sandbox keeps it away from the reader's session.
REPORT_POLICY = (
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
HTTP_ERRORS = {
    UNAUTHORIZED: (translatable("Please log in"), translatable("You need to be logged in to see this page.")),
    FORBIDDEN: (
        translatable("Not allowed"),
        translatable("You do not have permission to see this. An administrator of Airflow can grant it."),
    ),
    NOT_FOUND: (translatable("Page not found"), translatable("There is no such page, scenario or report.")),
}

log = logging.getLogger(__name__)


def render_page(request: Request, template: str, language: str, status: int = 200, **values: Any) -> HTMLResponse:
    """A page from a template."""
    values |= {"root": _root(request), **static_files.versions()}
    return HTMLResponse(render.html(template, language, **values), status)


def message_page(request: Request, settings: Settings, status: int, title: str, *lines: str) -> HTMLResponse:
    """A page with a message only."""
    language = requested_language(request.query_params, settings)
    has_link_back = status not in {UNAUTHORIZED, FORBIDDEN}
    return render_page(request, "message", language, status, title=title, lines=lines, has_link_back=has_link_back)


def install(app: FastAPI, settings: Settings) -> None:
    """Add the headers and the error messages to the application."""

    @app.middleware("http")
    async def add_headers(request: Request, call: Callable[[Request], Awaitable[Response]]) -> Response:
        response = await call(request)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    @app.exception_handler(InvalidFilters)
    def invalid_filters(request: Request, error: InvalidFilters) -> HTMLResponse:
        _ = _text(request, settings)
        return message_page(request, settings, 400, _("This can't be shown"), *error.problems)

    @app.exception_handler(HTTPException)
    def http_error(request: Request, error: HTTPException) -> HTMLResponse:
        _ = _text(request, settings)
        title, line = HTTP_ERRORS.get(error.status_code, (str(error.detail), ""))
        response = message_page(request, settings, error.status_code, _(title), _(line) if line else "")
        response.headers.update(error.headers or {})
        return response

    @app.exception_handler(RequestValidationError)
    def invalid_path(request: Request, error: RequestValidationError) -> HTMLResponse:  # noqa: ARG001 - FastAPI passes it
        title, line = HTTP_ERRORS[NOT_FOUND]
        _ = _text(request, settings)
        return message_page(request, settings, NOT_FOUND, _(title), _(line))

    @app.exception_handler(LifecycleError)
    def lifecycle_error(request: Request, error: LifecycleError) -> HTMLResponse:
        log.warning("the page can't be shown: %s", error)
        return message_page(request, settings, 503, *_explanation(error, _text(request, settings)), str(error))

    @app.exception_handler(psycopg.Error)
    def query_error(request: Request, error: psycopg.Error) -> HTMLResponse:
        _ = _text(request, settings)
        log.error("a query of the page failed (%s)", type(error).__name__)
        line = _("A query failed (%s). Try again, or tell the administrator of the warehouse.") % type(error).__name__
        return message_page(request, settings, 503, _("The figures can't be read"), line)


def _explanation(error: LifecycleError, _: Callable[[str], str]) -> tuple[str, str]:
    if isinstance(error, SettingsInvalid):
        return (
            _("The page is not connected yet"),
            _("The connection to the warehouse is missing or invalid. An administrator of Airflow can set it up:"),
        )
    if isinstance(error, AccessDenied):
        return (
            _("The page lacks a permission"),
            _("The administrator of the warehouse has to grant it to the page's login:"),
        )
    return _("The warehouse can't be reached"), _(
        "Try again in a few minutes. If the error persists, tell the administrator:"
    )


def _text(request: Request, settings: Settings) -> Callable[[str], str]:
    return locale_of(requested_language(request.query_params, settings)).text


def _root(request: Request) -> str:
    """The relative path from an address to the main page, wherever it is mounted."""
    path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
    return "../" * (path.count("/") - 1) or "./"
