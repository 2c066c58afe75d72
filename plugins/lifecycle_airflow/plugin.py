"""The marketer's page, as Airflow serves it: below ``/lifecycle``, in the navigation, behind Airflow's own login.

Who may look at Airflow sees figures; who may edit the DAG ``lifecycle_nightly``, or the one that
``LIFECYCLE_NIGHTLY_DAG`` names, sees persons as well. The page reads by the connection ``warehouse_page``, or the one
that ``LIFECYCLE_PAGE_CONNECTION`` names. Every part of Airflow loads this module, so nothing heavy is imported before
somebody opens the page, and an error in the settings is shown there.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, MutableMapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote, urlsplit

from airflow.configuration import conf
from airflow.plugins_manager import AirflowPlugin

if TYPE_CHECKING:
    from fastapi import FastAPI

    from lifecycle.page import AccessPolicy

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

#: Where Airflow is, below its host: "" or a prefix such as "/airflow"; and the page in it.
AIRFLOW = urlsplit(conf.get("api", "base_url", fallback="")).path.rstrip("/")
PREFIX = "/lifecycle"
ADDRESS = AIRFLOW + PREFIX
NIGHTLY = os.environ.get("LIFECYCLE_NIGHTLY_DAG") or "lifecycle_nightly"
CONNECTION = os.environ.get("LIFECYCLE_PAGE_CONNECTION") or "warehouse_page"
ICON = (
    "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24' fill='none' stroke='#0f8a8a' stroke-width='2'"
    " stroke-linecap='round' stroke-linejoin='round'><path d='M20 12a8 8 0 1 1-2.3-5.7M20 3v4h-4'/>"
    "<path d='M9 15v-3M12 15V9M15 15v-2'/></svg>"
)


def access_policy() -> "AccessPolicy":
    """Who may see what, by Airflow's login, roles and connections."""
    from airflow.api_fastapi.auth.managers.models.resource_details import AccessView
    from airflow.api_fastapi.core_api import security
    from fastapi import Depends, HTTPException, Request

    from lifecycle.page import AccessPolicy

    may_look = security.requires_access_view(AccessView.WEBSITE)
    may_edit = security.requires_access_dag("PUT", param_dag_id=NIGHTLY)

    async def signed_in(request: Request) -> Any:
        # a login of another Airflow, or with another key, counts as no login
        try:
            return await security.get_user(request, None, await security.bearer_scheme(request))
        except HTTPException:
            raise HTTPException(HTTPStatus.UNAUTHORIZED, "log in to Airflow first") from None

    def figures(request: Request, user: Annotated[Any, Depends(signed_in)]) -> None:
        may_look(request, user)

    def people(request: Request, user: Annotated[Any, Depends(signed_in)]) -> None:
        may_edit(request, user)

    def name(user: Annotated[Any, Depends(signed_in)]) -> str:
        return str(user.get_name())

    def may_see_people(request: Request, user: Annotated[Any, Depends(signed_in)]) -> bool:
        try:
            may_edit(request, user)
        except HTTPException:
            return False
        return True

    return AccessPolicy(figures=figures, people=people, user=name, may_see_people=may_see_people, warehouse=warehouse)


def warehouse() -> str:
    """The URL of the login that only reads; raises ``SettingsInvalid`` if Airflow has no such connection."""
    from airflow.exceptions import AirflowNotFoundException
    from airflow.sdk import Connection

    from lifecycle import settings
    from lifecycle.errors import SettingsInvalid

    try:
        connection = Connection.get(CONNECTION)
    except AirflowNotFoundException:
        message = f"Airflow has no connection {CONNECTION}, the page's own login; docs/page.md says how to make it"
        raise SettingsInvalid(message) from None
    return settings.Connection.of(CONNECTION, connection).database_url()


def application() -> "FastAPI":
    """The page for the current settings; where these are invalid, a page that says why."""
    from fastapi import Depends, FastAPI
    from fastapi.responses import PlainTextResponse

    from lifecycle import page, settings
    from lifecycle.errors import SettingsInvalid

    try:
        return page.application(settings.load(), access_policy())
    except SettingsInvalid as error:
        error_page = FastAPI(openapi_url=None, dependencies=[Depends(access_policy().figures)])
        response = PlainTextResponse(f"The settings can't be read.\n\n{error}\n", HTTPStatus.SERVICE_UNAVAILABLE)
        error_page.add_api_route("/{path:path}", lambda: response)
        return error_page


class Page:
    """What Airflow mounts: builds the page at the first request, and again when the marketer's file has changed."""

    def __init__(self) -> None:
        self._built: tuple[int, FastAPI] | None = None

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer, and send a browser without a login to Airflow's."""
        from fastapi.responses import RedirectResponse

        application, is_redirected = await asyncio.to_thread(self._current), False

        async def forward(message: Message) -> None:
            nonlocal is_redirected
            if message.get("status") == HTTPStatus.UNAUTHORIZED and _is_browser(scope):
                is_redirected = True
                await RedirectResponse(_login_url(scope), HTTPStatus.SEE_OTHER)(scope, receive, send)
            if not is_redirected:
                await send(message)

        await application(scope, receive, forward)

    def _current(self) -> "FastAPI":
        from lifecycle.settings import config_path

        path = config_path()
        stamp = path.stat().st_mtime_ns if path.exists() else 0
        if self._built is None or self._built[0] != stamp:
            self._built = stamp, application()
        return self._built[1]


def _is_browser(scope: Message) -> bool:
    """Whether a browser asks for a page, not a program."""
    return scope["method"] == "GET" and b"text/html" in dict(scope["headers"]).get(b"accept", b"")


def _login_url(scope: Message) -> str:
    path, query = scope["path"].removeprefix(scope["root_path"]), scope["query_string"].decode("latin-1")
    requested = f"{ADDRESS}{path}?{query}".removesuffix("?")
    return f"{AIRFLOW}/api/v2/auth/login?next={quote(requested, safe='')}"


class LifecyclePlugin(AirflowPlugin):  # type: ignore[misc] # mypy doesn't follow Airflow
    """Registers the page in Airflow; nothing else."""

    name = "lifecycle"
    fastapi_apps = [{"name": "lifecycle", "app": Page(), "url_prefix": PREFIX}]  # noqa: RUF012 - as Airflow wants it
    external_views = [  # noqa: RUF012 - as Airflow wants it
        {
            "name": "Lifecycle",
            "href": f"{ADDRESS}/",
            "url_route": "lifecycle",
            "destination": "nav",
            "nav_top_level": True,
            "icon": f"data:image/svg+xml,{quote(ICON)}",
        }
    ]
