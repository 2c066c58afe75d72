"""What SendGrid's event webhook posts is kept, whole and once the answer is 200; anything else is refused."""

import base64
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from lifecycle import receiver
from lifecycle.errors import SettingsInvalid
from lifecycle.testing.server import running

ROOT = Path(__file__).resolve().parents[1]
NOW = datetime(2017, 12, 31, 23, 59, tzinfo=UTC)
KEY = ec.generate_private_key(ec.SECP256R1())
EVENTS = [
    {"sg_event_id": "e1", "email": "p1@example.com", "event": "open", "timestamp": 1514764740},
    {"sg_event_id": "e2", "email": "p2@example.com", "event": "click", "url": "https://example.com/\u2028?a=1"},
]
BODY = json.dumps(EVENTS).encode() + b"\r\n"


def shown(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    """The public key as SendGrid shows it."""
    return base64.b64encode(key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


def signed(body: bytes, at: datetime = NOW, key: ec.EllipticCurvePrivateKey = KEY) -> dict[str, str]:
    """The headers that SendGrid would send."""
    stamp = str(int(at.timestamp()))
    signature = key.sign(stamp.encode() + body, ec.ECDSA(SHA256()))
    return {receiver.SIGNATURE: base64.b64encode(signature).decode(), receiver.TIMESTAMP: stamp}


@pytest.fixture
def post(tmp_path: Path) -> Iterator["Post"]:
    app = receiver.receiver(tmp_path, receiver.public_key(shown(KEY)), lambda: NOW)
    with running(app) as url:
        yield lambda body, headers: requests.post(f"{url}/events", data=body, headers=headers, timeout=10)


Post = Callable[[str | bytes | Iterator[bytes], dict[str, str]], requests.Response]


def kept(folder: Path) -> dict[str, list[object]]:
    """File → the events in it."""
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return {
        str(file.relative_to(folder)): [json.loads(line) for line in file.read_text().split("\n")[:-1]]
        for file in files
    }


def test_events_are_kept_by_the_hour_in_utc_a_line_each(post: Post, tmp_path: Path) -> None:
    assert post(BODY, signed(BODY)).status_code == 200
    assert kept(tmp_path) == {"2017-12-31/23.jsonl": EVENTS}
    assert post(BODY, signed(BODY)).status_code == 200
    assert kept(tmp_path) == {"2017-12-31/23.jsonl": EVENTS * 2}


def test_a_body_without_events_is_taken_and_leaves_nothing(post: Post, tmp_path: Path) -> None:
    assert post(b"[]", signed(b"[]")).status_code == 200
    assert kept(tmp_path) == {}


def test_texts_of_every_kind_are_kept(post: Post, tmp_path: Path) -> None:
    body = b'[{"sg_event_id": "e", "half": "\\ud83d", "lines": "a\\u2028b\\nc", "big": 1e999}]'
    assert post(body, signed(body)).status_code == 200
    (events,) = kept(tmp_path).values()
    assert events == json.loads(body)


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, BODY),
        (signed(BODY) | {receiver.SIGNATURE: "AAAA"}, BODY),
        (signed(BODY) | {receiver.SIGNATURE: "no base64!"}, BODY),
        (signed(BODY) | {receiver.TIMESTAMP: str(int(NOW.timestamp()) + 1)}, BODY),
        (signed(BODY), BODY.rstrip()),
        (signed(BODY, key=ec.generate_private_key(ec.SECP256R1())), BODY),
        (signed(BODY, NOW - timedelta(hours=25, seconds=1)), BODY),
        (signed(BODY, NOW + timedelta(minutes=10, seconds=1)), BODY),
    ],
    ids=["none", "short", "no base64", "other time", "other body", "other key", "old", "ahead"],
)
def test_what_sendgrid_did_not_sign_lately_is_forbidden(
    post: Post, tmp_path: Path, headers: dict[str, str], body: bytes
) -> None:
    assert post(body, headers).status_code == 403
    assert kept(tmp_path) == {}


def test_a_timestamp_that_is_no_number_is_forbidden_though_signed(post: Post, tmp_path: Path) -> None:
    signature = base64.b64encode(KEY.sign(b"soon" + BODY, ec.ECDSA(SHA256()))).decode()
    assert post(BODY, {receiver.SIGNATURE: signature, receiver.TIMESTAMP: "soon"}).status_code == 403


@pytest.mark.parametrize("hours", [0, 24])
def test_what_sendgrid_tries_again_for_a_day_is_taken(post: Post, hours: int) -> None:
    assert post(BODY, signed(BODY, NOW - timedelta(hours=hours))).status_code == 200


@pytest.mark.parametrize("body", [b"", b"{", b"{}", b'["e"]', b"[null]", b"null", b"[" * 100_000, b"\xff"])
def test_what_is_no_list_of_events_is_a_bad_request(post: Post, tmp_path: Path, body: bytes) -> None:
    assert post(body, signed(body)).status_code == 400
    assert kept(tmp_path) == {}


def test_a_body_that_is_too_large_is_refused_before_it_is_whole(post: Post, tmp_path: Path) -> None:
    def pieces() -> Iterator[bytes]:
        for _ in range(11):
            yield b" " * 1_000_000

    assert post(pieces(), signed(b"")).status_code == 413
    assert kept(tmp_path) == {}


def test_a_disk_that_is_full_leaves_no_half_line_and_is_tried_again(
    post: Post, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert post(BODY, signed(BODY)).status_code == 200
    write = os.write
    calls: list[int] = []

    def fills_up(opened: int, content: bytes) -> int:
        calls.append(opened)
        if len(calls) > 1:
            raise OSError(28, "No space left on device")
        return write(opened, content[:5])

    with monkeypatch.context() as patched:
        patched.setattr("lifecycle.receiver.os.write", fills_up)
        assert post(BODY, signed(BODY)).status_code == 503
    assert kept(tmp_path) == {"2017-12-31/23.jsonl": EVENTS}


def test_a_line_that_a_killed_process_cut_does_not_spoil_the_next(tmp_path: Path) -> None:
    file = tmp_path / "23.jsonl"
    file.write_text('{"sg_event_id": "e0"}\n{"sg_ev')
    receiver.append(file, EVENTS)
    lines = file.read_text().split("\n")
    assert lines[1] == '{"sg_ev'
    assert [json.loads(line) for line in lines[2:-1]] == EVENTS


def write_many(file: Path, writer: int) -> None:
    for n in range(40):
        receiver.append(file, [{"sg_event_id": f"{writer}/{n}/{part}", "text": "x" * 3000} for part in range(5)])


def test_several_processes_write_whole_lines(tmp_path: Path) -> None:
    file = tmp_path / "day" / "23.jsonl"
    with ProcessPoolExecutor(4) as writers:
        list(writers.map(write_many, [file] * 4, range(4)))
    (events,) = kept(tmp_path).values()
    assert len({event["sg_event_id"] for event in events if isinstance(event, dict)}) == len(events) == 4 * 40 * 5


def test_only_its_owner_can_read_what_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "events" / "day" / "23.jsonl"
    receiver.append(file, EVENTS)
    assert [path.stat().st_mode & 0o777 for path in (file, file.parent)] == [0o600, 0o700]


def test_nothing_that_was_posted_is_logged(post: Post, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "lifecycle")
    post(BODY, signed(BODY))
    post(BODY, {})
    post(b"no events", signed(b"no events"))
    logged = [record.getMessage() for record in caplog.records if record.name == "lifecycle.receiver"]
    assert logged == ["events kept: 2", "refused: not signed by SendGrid", "refused: not JSON"]


@pytest.mark.parametrize("text", ["", "no key", "AAAA", shown(rsa.generate_private_key(65537, 2048))])
def test_a_key_that_is_none_is_a_settings_error_which_does_not_quote_it(text: str) -> None:
    with pytest.raises(SettingsInvalid, match=receiver.PUBLIC_KEY) as raised:
        receiver.public_key(text)
    assert not text or text not in str(raised.value)


def test_it_runs_as_a_program_and_ends_when_it_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "lifecycle.receiver", "--folder", str(tmp_path / "in"), "--port", str(port)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "plugins"), receiver.PUBLIC_KEY: shown(KEY)}
    program = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        answer = requests.get(await_health(f"http://127.0.0.1:{port}/health"), timeout=5)
        assert answer.text == "ok"
        now = datetime.now(UTC)
        posted = requests.post(f"http://127.0.0.1:{port}/events", data=BODY, headers=signed(BODY, now), timeout=5)
        assert posted.status_code == 200
        assert list(kept(tmp_path / "in").values()) == [EVENTS]
    finally:
        program.send_signal(signal.SIGTERM)
        _, output = program.communicate(timeout=10)
    assert "events kept: 2" in output
    assert "example.com" not in output


def await_health(url: str) -> str:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            requests.get(url, timeout=1)
        except requests.ConnectionError:
            time.sleep(0.05)
        else:
            return url
    pytest.fail("the receiver does not answer")


def test_without_a_key_it_does_not_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(receiver.PUBLIC_KEY, raising=False)
    with pytest.raises(SystemExit, match=receiver.PUBLIC_KEY):
        receiver.main(["--folder", str(tmp_path / "in"), "--port", "1"])
