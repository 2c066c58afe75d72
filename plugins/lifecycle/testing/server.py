"""Servers on a thread of the test's own process."""

import socket
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send


class AppHost:
    """A server whose app can be exchanged: starting one for every use would take most of the time."""

    app: ASGIApp
    address: str
    under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the call to the app of the moment."""
        self.under_way += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self.under_way -= 1

    def come_to_rest(self) -> None:
        """Wait until every call has come to its end, also those of a caller who is gone."""
        with urllib.request.urlopen(f"{self.address}/_demo/requests"):  # noqa: S310 - it is read after the calls before it
            while self.under_way:
                time.sleep(0.01)


@contextmanager
def running(app: ASGIApp) -> Iterator[str]:
    """Serve an app on a thread and a free port of 127.0.0.1 while the block runs; yields its base URL."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(config(app))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        while thread.is_alive() and not server.started:
            time.sleep(0.01)
        server.should_exit = True
        thread.join()


def config(app: ASGIApp) -> uvicorn.Config:
    """How an app is served: in silence, and gone at once."""
    return uvicorn.Config(app, log_level="critical", access_log=False, lifespan="off", timeout_graceful_shutdown=1)
