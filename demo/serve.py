"""Runs a demo server: `python -m demo.serve shop|esp --port N [--state DIR] [--now 2017-12-24T08:30:00Z]`.

One line says when it is ready; SIGTERM ends it cleanly. The credentials (`DEMO_SHOP_KEY`, `DEMO_SHOP_SECRET`,
`DEMO_ESP_KEY`) have well-known defaults, which are accepted on loopback alone.
"""

import argparse
import os
import signal
import socket
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from demo import clock as clocks
from demo import journey
from demo.esp import Esp
from demo.faults import LOOPBACK

CREDENTIALS = {
    "shop": {"DEMO_SHOP_KEY": "ck_demo", "DEMO_SHOP_SECRET": "cs_demo"},
    "esp": {"DEMO_ESP_KEY": "SG.demo"},
}


class Stage:
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
    server = uvicorn.Server(_config(app))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        while thread.is_alive() and not server.started:
            time.sleep(0.01)
        server.should_exit = True
        thread.join()


def main(arguments: list[str] | None = None) -> None:
    """Serve the shop or the ESP of the demo until SIGTERM or Ctrl-C."""
    asked = _parser().parse_args(arguments)
    credentials = {name: os.environ.get(name, default) for name, default in CREDENTIALS[asked.server].items()}
    if asked.host not in LOOPBACK and credentials.items() & CREDENTIALS[asked.server].items():
        sys.exit(f"set {' and '.join(credentials)} to serve beyond loopback")
    app = _app(asked, *credentials.values())
    listener = socket.create_server((asked.host, asked.port))
    print(f"{asked.server} ready on http://{asked.host}:{listener.getsockname()[1]}", flush=True)  # noqa: T201
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    uvicorn.Server(_config(app)).run(sockets=[listener])


def _app(asked: argparse.Namespace, *credentials: str) -> ASGIApp:
    now: datetime | None = None if asked.now is None else clocks.parse(asked.now)
    data = journey.load(asked.data)
    if asked.server == "shop":
        return journey.shop(data, key=credentials[0], secret=credentials[1], now=now).app
    esp = Esp(key=credentials[0], state=asked.state, now=now)
    if esp.is_fresh():
        journey.fill(esp, data)
    return esp.app


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="demo.serve", description="Serve the demo's shop or ESP.")
    parser.add_argument("server", choices=sorted(CREDENTIALS))
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--state", type=Path, help="folder that keeps the ESP's state; in memory without it")
    parser.add_argument("--now", help="UTC moment at which the server stands; everything exists without it")
    parser.add_argument("--data", type=Path, default=journey.CACHE, help="folder of the prepared data")
    return parser


def _config(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(app, log_level="critical", access_log=False, lifespan="off", timeout_graceful_shutdown=1)


if __name__ == "__main__":
    main()
