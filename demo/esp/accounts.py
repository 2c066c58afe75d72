"""Several accounts behind one address: the caller's key says whose lists, fields and contacts are meant."""

from collections.abc import Callable, Sequence

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send


def by_key(accounts: Sequence[tuple[Callable[[str], bool], ASGIApp]], own: ASGIApp, header: str) -> ASGIApp:
    """Hand each call to the account that knows its key or its download; what none knows, to the own one."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        key = Headers(scope=scope).get(header, "").removeprefix("Bearer ")
        name = scope["path"].split("/")[2] if scope["path"].startswith("/_files/") else key
        app = next((app for knows, app in accounts if knows(name)), own)
        await app(scope, receive, send)

    return answer
