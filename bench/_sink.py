"""An e-mail provider that takes everything at once, in a process of its own: what is measured is its client.

Given a file, it exports that.
"""

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import ClassVar

EXPORT = "/export.json.gz"
ANSWERS = {
    "/v3/marketing/lists": {"result": [{"name": name, "id": name} for name in ("VIP", "At risk", "Lapsed")]},
    "/v3/marketing/field_definitions": {},
    "/v3/marketing/contacts": {"job_id": "7"},
    "/v3/marketing/contacts/imports": {"status": "completed", "results": {"errored_count": 0}},
    "/v3/user/username": {"username": "bench", "user_id": 1},
    "/v3/marketing/contacts/exports": {"id": "7"},
}


@dataclass(frozen=True)
class Sink:
    """Where the provider is, and how often each call was made."""

    address: str
    pipe: Connection

    def counts(self) -> Counter[str]:
        """Method and path → calls until now."""
        self.pipe.send("counts")
        return Counter(self.pipe.recv())


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    counts: ClassVar[Counter[str]] = Counter()
    fields: ClassVar[list[object]] = []
    export: ClassVar[Path | None] = None

    def _answer(self) -> None:
        left = int(self.headers.get("Content-Length") or 0)
        body = b""
        while left:
            body = self.rfile.read(min(left, 1 << 16))
            left -= len(body)
        path = self.path.split("?")[0]
        path = "/v3/marketing/contacts/imports" if "/imports/" in path else path
        self.counts[f"{self.command} {path}"] += 1
        if path == EXPORT and self.export:
            self._send_file(self.export)
            return
        if path.startswith("/v3/marketing/contacts/exports/"):
            self._send({"status": "ready", "urls": [f"http://{self.headers['Host']}{EXPORT}"]})
            return
        answer = ANSWERS[path]
        if self.command == "POST" and path == "/v3/marketing/field_definitions":
            asked = json.loads(body)
            answer = {**asked, "id": f"e{self.counts['POST ' + path]}_{asked['field_type'][0]}"}
            self.fields.append(answer)
        elif path == "/v3/marketing/field_definitions":
            answer = {"custom_fields": self.fields}
        self._send(answer)

    def _send_file(self, path: Path) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(path.stat().st_size))
        self.end_headers()
        with path.open("rb") as file:
            shutil.copyfileobj(file, self.wfile)

    def _send(self, answer: object) -> None:
        said = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(said)))
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(said)

    do_GET = do_PUT = do_POST = _answer  # noqa: N815 - the server's own names

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _serve(pipe: Connection, export: Path | None) -> None:
    import threading

    _Handler.export = export
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    pipe.send(f"http://127.0.0.1:{server.server_address[1]}")
    while pipe.recv() == "counts":
        pipe.send(dict(_Handler.counts))


@contextmanager
def running(export: Path | None = None) -> Iterator[Sink]:
    """The provider, while the block runs."""
    ours, theirs = get_context("spawn").Pipe()
    process = get_context("spawn").Process(target=_serve, args=(theirs, export), daemon=True)
    process.start()
    yield Sink(ours.recv(), ours)
    ours.send("end")
    process.join()
