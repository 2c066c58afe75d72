"""An e-mail provider that takes everything at once, in a process of its own: what is measured is the sender."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import ClassVar

ANSWERS = {
    "/v3/marketing/lists": {"result": [{"name": name, "id": name} for name in ("VIP", "At risk", "Lapsed")]},
    "/v3/marketing/field_definitions": {},
    "/v3/marketing/contacts": {"job_id": "7"},
    "/v3/marketing/contacts/imports": {"status": "completed", "results": {"errored_count": 0}},
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

    def _answer(self) -> None:
        left = int(self.headers.get("Content-Length") or 0)
        body = b""
        while left:
            body = self.rfile.read(min(left, 1 << 16))
            left -= len(body)
        path = self.path.split("?")[0]
        path = "/v3/marketing/contacts/imports" if "/imports/" in path else path
        self.counts[f"{self.command} {path}"] += 1
        answer = ANSWERS[path]
        if self.command == "POST":
            asked = json.loads(body)
            answer = {**asked, "id": f"e{self.counts['POST ' + path]}_{asked['field_type'][0]}"}
            self.fields.append(answer)
        elif path == "/v3/marketing/field_definitions":
            answer = {"custom_fields": self.fields}
        said = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(said)))
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(said)

    do_GET = do_PUT = do_POST = _answer  # noqa: N815 - the server's own names

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _serve(pipe: Connection) -> None:
    import threading

    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    pipe.send(f"http://127.0.0.1:{server.server_address[1]}")
    while pipe.recv() == "counts":
        pipe.send(dict(_Handler.counts))


@contextmanager
def running() -> Iterator[Sink]:
    """The provider, while the block runs."""
    ours, theirs = get_context("spawn").Pipe()
    process = get_context("spawn").Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    yield Sink(ours.recv(), ours)
    ours.send("end")
    process.join()
