"""Runs a demo server: `python -m demo.serve shop|esp --port N [--state DIR] [--now 2017-12-24T08:30:00Z]`.

One line says when it is ready; SIGTERM ends it cleanly. The credentials (`DEMO_SHOP_KEY`, `DEMO_SHOP_SECRET`,
`DEMO_ESP_KEY`) have well-known defaults, which are accepted on loopback alone.
"""

import argparse
import os
import signal
import socket
import sys
from datetime import datetime
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from demo import journey
from demo.esp import Esp
from lifecycle.testing import clock as clocks
from lifecycle.testing.faults import LOOPBACK
from lifecycle.testing.server import config

CREDENTIALS = {
    "shop": {"DEMO_SHOP_KEY": "ck_demo", "DEMO_SHOP_SECRET": "cs_demo"},
    "esp": {"DEMO_ESP_KEY": "SG.demo"},
}


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
    uvicorn.Server(config(app)).run(sockets=[listener])


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


if __name__ == "__main__":
    main()
