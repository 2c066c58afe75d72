"""A connection gives addresses and URLs, and never shows its secrets."""

import pytest

from lifecycle.errors import SettingsInvalid
from lifecycle.settings import Connection


@pytest.mark.parametrize(
    ("connection", "url"),
    [
        (Connection("c", host="https://shop.example/"), "https://shop.example"),
        (Connection("c", host="https://shop.example/sub", port=8443), "https://shop.example:8443/sub"),
        (Connection("c", host="https://shop.example:1", port=8443), "https://shop.example:1"),
        (Connection("c", host="shop.example"), "https://shop.example"),
        (Connection("c", kind="http", host="shop.example"), "http://shop.example"),
        (Connection("c", kind="http", schema="https", host="shop.example"), "https://shop.example"),
        (Connection("c", host="127.0.0.1", port=8001), "http://127.0.0.1:8001"),
        (Connection("c"), "https://api.example"),
    ],
)
def test_a_connection_gives_its_address_and_encrypts_unless_told_otherwise(connection: Connection, url: str) -> None:
    assert connection.base_url("https://api.example") == url


def test_a_connection_without_a_host_says_so() -> None:
    with pytest.raises(SettingsInvalid, match="connection woo: give the host"):
        Connection("woo").base_url()


def test_a_warehouse_connection_becomes_a_url() -> None:
    connection = Connection(
        "w",
        host="db",
        login="me@x",
        password="p@ss/w:rd",
        schema="ware house",
        extra={"sslmode": "require", "x": 1},
    )
    assert connection.database_url() == "postgresql://me%40x:p%40ss%2Fw%3Ard@db:5432/ware%20house?sslmode=require"
    with pytest.raises(SettingsInvalid, match=r"missing login, password, database \(schema\)"):
        Connection("w", host="db").database_url()


def test_a_connection_never_shows_its_secrets() -> None:
    shown = repr(Connection("c", login="ck_secret", password="cs_secret", extra={"key": "k_secret"}))
    assert "secret" not in shown
