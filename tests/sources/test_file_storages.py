"""Any storage will do: how it marks a change, which credentials it takes, and how its troubles are told."""

from datetime import datetime, timedelta
from typing import Any

import fsspec
import pytest

from lifecycle.errors import AccessDenied, RetryLater, SettingsInvalid
from lifecycle.settings import Connection
from lifecycle.sources import source_kind
from lifecycle.sources.files import reader
from tests.sources.files_folder import HEADER, NOBODY, RUN_DATE, Folder, ids, row, shop


def test_a_storage_that_marks_no_change_is_read_every_night(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.write("a.csv", HEADER + row(1))
    monkeypatch.setattr(reader, "MODIFIED", ())
    for night in (RUN_DATE, RUN_DATE + timedelta(days=1)):
        [stream] = source_kind("files").open(shop(folder.path / "*.csv"), NOBODY, night)
        assert stream.parts
        [part] = stream.parts()
        assert part.version.startswith(f"{night} ")
        assert [ids(page) for page in part.pages()] == [["1"]]


@pytest.mark.parametrize(
    ("details", "at"),
    [
        ({"mtime": 1772452800.0}, "2026-03-02T12:00:00+00:00"),
        ({"LastModified": datetime(2026, 3, 2, 12)}, "2026-03-02T12:00:00+00:00"),  # noqa: DTZ001
        ({"Last-Modified": "Mon, 02 Mar 2026 12:00:00 GMT"}, "2026-03-02T12:00:00+00:00"),
        ({"updated": "2026-03-02T12:00:00.000Z"}, "2026-03-02T12:00:00+00:00"),
        ({"updated": "some day"}, ""),
        ({"etag": "abc", "mtime": 1772452800.0}, "abc"),
    ],
)
def test_every_storage_marks_a_change_in_its_own_way(details: dict[str, Any], at: str) -> None:
    assert reader._mark({"size": 3, **details}) == (f"3 {at}" if at else "")


def test_any_storage_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    system = fsspec.filesystem("memory")
    system.pipe("/bucket/a.csv", (HEADER + row(1)).encode())
    monkeypatch.setattr(reader, "SETTLED_AFTER", timedelta(0))
    [stream] = source_kind("files").open(shop("memory://bucket/*.csv"), NOBODY, RUN_DATE)
    assert stream.parts
    assert [ids(page) for part in stream.parts() for page in part.pages()] == [["1"]]
    assert ids(stream.probe()) == ["1"]  # type: ignore[misc,arg-type]
    system.rm("/bucket", recursive=True)


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("s3://bucket/*.csv", r"'s3://' can't be read here: Install s3fs"),
        ("gs://bucket/*.csv", r"'gs://' can't be read here: .*gcsfs"),
        ("nosuch://bucket/*.csv", r"'nosuch://' is not a known kind of storage"),
    ],
)
def test_a_storage_without_its_package_names_it(pattern: str, words: str) -> None:
    with pytest.raises(SettingsInvalid, match=r"^orders\.files: " + words):
        source_kind("files").open(shop(pattern), NOBODY, RUN_DATE)


def test_credentials_become_what_the_storage_calls_them(monkeypatch: pytest.MonkeyPatch) -> None:
    passed: list[dict[str, Any]] = []

    def url_to_fs(_: str, **options: Any) -> tuple[Any, str]:
        passed.append({name: value for name, value in options.items() if "cache" not in name})
        return fsspec.filesystem("memory"), "/x"

    monkeypatch.setattr(reader, "url_to_fs", url_to_fs)
    connection = Connection("c", login="key", password="secret", port=22, host="store.example", extra={"anon": False})
    for pattern in ("s3://b/*", "sftp:///x", "/x/*"):
        source_kind("files").open(shop(pattern), connection, RUN_DATE)
    assert passed == [
        {"key": "key", "secret": "secret", "endpoint_url": "store.example", "anon": False},
        {"username": "key", "password": "secret", "host": "store.example", "port": 22, "anon": False},
        {"anon": False},
    ]


class Refusal(Exception):  # noqa: N818 - as some storage's own
    status = 403


@pytest.mark.parametrize(
    ("trouble", "kind"),
    [
        (PermissionError("ada@example.com"), AccessDenied),
        (Refusal("ada@example.com?token=1"), AccessDenied),
        (ConnectionResetError("ada@example.com"), RetryLater),
        (TimeoutError("ada@example.com"), RetryLater),
        (RuntimeError("ada@example.com"), RetryLater),
    ],
)
def test_a_storage_in_trouble_is_told_without_its_words(
    folder: Folder, trouble: Exception, kind: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise trouble

    folder.write("a.csv", HEADER + row(1))
    for method, place in (("open", r"/a\.csv"), ("ls", r"^orders\.files")):
        monkeypatch.setattr(f"fsspec.implementations.local.LocalFileSystem.{method}", fail)
        with pytest.raises(kind, match=place) as raised:
            folder.read()
        assert "example" not in str(raised.value)


def test_an_address_is_shown_without_its_host_and_its_query() -> None:
    shown = reader._shown("https://shop.example/export/orders.csv?token=secret")
    assert shown.startswith("/export/orders.csv (")
    assert not {"secret", "shop.example", "token"} & set(shown.replace("/", " ").replace("?", " ").split())
