"""Receives SendGrid's event webhook and keeps what it posts: one event a line, in ``<folder>/<UTC date>/<hour>.jsonl``.

``python -m lifecycle.receiver --folder … --port …``, with the webhook's public key in ``LIFECYCLE_WEBHOOK_PUBLIC_KEY``.
It answers 200 only when the events are on the disk: SendGrid posts anything else again, for 24 hours. Several receivers
may write to one folder. It logs counts, and nothing that was posted. A proxy in front of it does TLS.
"""

import argparse
import base64
import binascii
import fcntl
import json
import logging
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from lifecycle.errors import SettingsInvalid
from lifecycle.web import parsed

PUBLIC_KEY = "LIFECYCLE_WEBHOOK_PUBLIC_KEY"
SIGNATURE = "X-Twilio-Email-Event-Webhook-Signature"
TIMESTAMP = "X-Twilio-Email-Event-Webhook-Timestamp"
MAX_BYTES = 10_000_000
#: SendGrid tries for 24 hours, and does not say whether it signs again. What is posted twice counts once, by its
#: ``sg_event_id``, so an old signature can do no more harm than noise.
MAX_AGE = timedelta(hours=25)
MAX_AHEAD = timedelta(minutes=10)

log = logging.getLogger(__name__)


class _Refused(Exception):  # noqa: N818 - the HTTP answer to give, named as what it is
    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def receiver(folder: Path, key: EllipticCurvePublicKey, now: Callable[[], datetime] | None = None) -> Starlette:
    """The server: ``POST /events``, and ``GET /health`` for whoever watches it."""
    clock = now or (lambda: datetime.now(UTC))

    async def receive(request: Request) -> Response:
        try:
            moment = clock()
            body = await _body(request)
            _check(request, body, key, moment)
            events = _events(body)
            await run_in_threadpool(append, folder / f"{moment:%Y-%m-%d}" / f"{moment:%H}.jsonl", events)
        except _Refused as refusal:
            log.warning("refused: %s", refusal)
            return PlainTextResponse(str(refusal), refusal.status)
        except OSError as error:
            log.error("events could not be kept (%s)", type(error).__name__)  # noqa: TRY400 - no traceback: it names files
            return PlainTextResponse("try again later", 503)
        log.info("events kept: %d", len(events))
        return Response(status_code=200)

    async def health(_: Request) -> Response:
        return PlainTextResponse("ok")

    return Starlette(routes=[Route("/events", receive, methods=["POST"]), Route("/health", health)])


def public_key(text: str) -> EllipticCurvePublicKey:
    """The key that SendGrid shows for the webhook (DER in base64); raises ``SettingsInvalid`` for anything else."""
    try:
        key = load_der_public_key(base64.b64decode(text, validate=True))
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, EllipticCurvePublicKey):
        message = f"{PUBLIC_KEY} must be the webhook's public key, as SendGrid shows it"
        raise SettingsInvalid(message)
    return key


def append(file: Path, events: list[Any]) -> None:
    """Add the events to a file, a line each, and wait until they are on the disk: all of them, or none.

    One process at a time writes. A line that was cut, because a process died, is ended before the next.
    """
    if not events:
        return
    lines = "".join(f"{json.dumps(event, separators=(',', ':'))}\n" for event in events).encode()
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    opened = os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX)
        size = os.fstat(opened).st_size
        is_cut = size and os.pread(opened, 1, size - 1) != b"\n"
        try:
            _write(opened, b"\n" + lines if is_cut else lines)
            os.fsync(opened)
        except OSError:
            os.ftruncate(opened, size)
            raise
    finally:
        os.close(opened)
    if not size:
        _sync_folder(file.parent)
        _sync_folder(file.parent.parent)


def _write(opened: int, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[os.write(opened, left) :]


def _sync_folder(folder: Path) -> None:
    """Wait until the folder's new names are on the disk."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


async def _body(request: Request) -> bytes:
    body = bytearray()
    try:
        async for piece in request.stream():
            body += piece
            if len(body) > MAX_BYTES:
                raise _Refused(413, "too large")
    except ClientDisconnect:
        raise _Refused(400, "cut off") from None
    return bytes(body)


def _check(request: Request, body: bytes, key: EllipticCurvePublicKey, now: datetime) -> None:
    """Refuse what SendGrid did not sign, or signed too long ago."""
    timestamp = request.headers.get(TIMESTAMP, "")
    try:
        signature = base64.b64decode(request.headers.get(SIGNATURE, ""), validate=True)
        key.verify(signature, timestamp.encode() + body, ECDSA(SHA256()))
        signed_at = datetime.fromtimestamp(int(timestamp), UTC)
    except (InvalidSignature, binascii.Error, ValueError, OverflowError, OSError):
        raise _Refused(403, "not signed by SendGrid") from None
    if not now - MAX_AGE <= signed_at <= now + MAX_AHEAD:
        raise _Refused(403, "signed too long ago, or in the future")


def _events(body: bytes) -> list[Any]:
    try:
        events = parsed(body)
    except (ValueError, RecursionError):
        raise _Refused(400, "not JSON") from None
    if not isinstance(events, list) or not all(isinstance(event, dict) for event in events):
        raise _Refused(400, "not a list of events")
    return events


def main(arguments: list[str] | None = None) -> None:
    """Serve until SIGTERM or Ctrl-C."""
    import uvicorn

    parser = argparse.ArgumentParser(prog="lifecycle.receiver", description="Receive SendGrid's event webhook.")
    parser.add_argument("--folder", type=Path, required=True, help="where the events are kept: esp.event_files")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        key = public_key(os.environ.get(PUBLIC_KEY, ""))
    except SettingsInvalid as error:
        sys.exit(str(error))
    options.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    uvicorn.run(
        receiver(options.folder, key),
        host=options.host,
        port=options.port,
        log_level="warning",
        access_log=False,
        lifespan="off",
    )


if __name__ == "__main__":
    main()
