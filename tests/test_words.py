"""A provider's own words about a refusal are quoted, and nothing private survives in them."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.web import quoted
from lifecycle.web.words import LENGTH

SENTENCES = (
    "{} is not valid",
    "the value {} of row 7 can't be read",
    "Invalid contact: {}. Try again.",
    "customers' list: {}; it's unknown",
    "({}) was refused, see https://example.com/help?who={}",
    "Error:\n{}",
    "{}",
    "first {} then {}",
    "<b>Error</b>: {}",
)


def sendgrid(message: str) -> Any:
    return {"errors": [{"field": "contacts[3].email", "message": message, "error_id": "x1"}]}


SHAPES: dict[str, Callable[[str], Any]] = {
    "SendGrid": sendgrid,
    "SendGrid, second error": lambda message: {"errors": [{"message": "no"}, {"message": message, "parameter": "a.b"}]},
    "Brevo": lambda message: {"code": "invalid_parameter", "message": message},
    "WooCommerce": lambda message: {"code": "woocommerce_rest_no", "message": message, "data": {"status": 400}},
    "Shopify": lambda message: {"errors": message},
    "Shopify, by field": lambda message: {"errors": {"name": [message]}},
    "Shopify, OAuth": lambda message: {"error": "invalid_request", "error_description": message},
    "Shopware": lambda message: {
        "errors": [{"status": "400", "code": "FRAMEWORK__NO", "title": "T", "detail": message}]
    },
    "Google": lambda message: {"error": {"code": 400, "status": "INVALID_ARGUMENT", "message": message}},
    "RFC 9457": lambda message: {"type": "about:blank", "title": "No", "status": 400, "detail": message},
    "a list": lambda message: [{"message": message}],
}
LETTERS = "abcdefghijklmnopqrstuvwxyzäößéñ"
NAMES = st.text(LETTERS, min_size=5, max_size=12).map(lambda name: f"zq{name}")
NAMES_WITH_MARKS = st.builds(
    "{}{}{}".format, NAMES, st.sampled_from(["'", "\u2019", " ", "-", '" ', ' "', "' "]), NAMES
)
ADDRESSES = st.builds("{}{}{}@{}.example".format, NAMES, st.sampled_from([*".+_-='/"]), NAMES, NAMES)
DIGITS = st.text("0123456789", min_size=7, max_size=15)
TELEPHONES = st.builds(
    lambda plus, digits, joint: plus + joint.join([digits[:2], digits[2:5], digits[5:]]),
    st.sampled_from(["", "+", "00", "(0)"]),
    DIGITS,
    st.sampled_from(["", " ", "-", ".", "/", " - ", ") "]),
)
HEX = "0123456789abcdef"
BASE = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
TOKENS = st.one_of(
    st.builds("SG.{}.{}".format, st.text(BASE, min_size=22, max_size=22), st.text(BASE, min_size=43, max_size=43)),
    st.builds("xkeysib-{}-{}".format, st.text(HEX, min_size=64, max_size=64), st.text(BASE, min_size=16, max_size=16)),
    st.builds("{}{}".format, st.sampled_from(["ck_", "cs_", "shpat_"]), st.text(HEX, min_size=32, max_size=40)),
    st.builds("Bearer {}".format, st.text(BASE, min_size=20, max_size=40)),
    st.uuids().map(str),
    st.text(HEX, min_size=16, max_size=64),
)
QUOTATIONS = st.sampled_from(
    ['"{}"', "'{}'", "`{}`", "“{}”", "„{}“", "\u2018{}\u2019", "«{}»", "« {} »", "&quot;{}&quot;", "&#39;{}&#39;"]
)


@st.composite
def private(draw: st.DrawFn) -> str:
    """Something private, in quotation marks where that alone says so."""
    kind = draw(st.sampled_from([ADDRESSES, TELEPHONES, TOKENS, NAMES, NAMES_WITH_MARKS]))
    value = draw(kind)
    return draw(QUOTATIONS).format(value) if kind in (NAMES, NAMES_WITH_MARKS) or draw(st.booleans()) else value


def cores(value: str) -> list[str]:
    """The parts of a private value that would give it away."""
    plain = value.replace("&quot;", " ").replace("&#39;", " ")
    parts = "".join(sign if sign.isalnum() else " " for sign in plain).split()
    return [part for part in parts if len(part) >= 5 and part not in {"Bearer", "xkeysib", "shpat", "example"}]


@given(st.sampled_from(list(SHAPES)), st.sampled_from(SENTENCES), st.lists(private(), min_size=2, max_size=2))
def test_nothing_private_of_a_body_survives(shape: str, sentence: str, values: list[str]) -> None:
    body = json.dumps(SHAPES[shape](sentence.format(*values)), ensure_ascii=False).encode()
    words = quoted(body)
    assert not [part for value in values for part in cores(value) if part in words]
    assert len(words) <= LENGTH
    assert words.isprintable()


@given(st.sampled_from(SENTENCES), st.lists(private(), min_size=2, max_size=2), st.sampled_from(["utf-8", "cp1252"]))
def test_nothing_private_of_a_plain_body_survives(sentence: str, values: list[str], encoding: str) -> None:
    words = quoted(sentence.format(*values).encode(encoding, errors="xmlcharrefreplace"))
    assert not [part for value in values for part in cores(value) if part in words]


@given(st.binary(max_size=3000))
def test_any_body_gives_a_short_line(body: bytes) -> None:
    words = quoted(body)
    assert len(words) <= LENGTH
    assert words.isprintable()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    "message",
    [
        "a list with this name exists",
        "you have hit your contact limit",
        "the maximum of 500 custom fields, or 6 MB of list_ids, is reached",
        "custom field cannot be null",
        "API documentation: https://developers.brevo.com/docs/api-limits",
        "emptyContactsAttributes can't be set",
        "Entschuldigung, du kannst die Datensätze nicht auflisten",
    ],
)
def test_words_that_are_not_private_are_quoted(shape: str, message: str) -> None:
    assert quoted(json.dumps(SHAPES[shape](message)).encode()).endswith(message)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", ""),
        (b"null", ""),
        (b'"Ada Lovelace"', ""),
        (b"ada@example.com", ""),
        (b'{"code": 422, "email": "ada@example.com", "note": "Ada Lovelace"}', ""),
        (b'{"code": "unauthorized", "message": "Key not found"}', "unauthorized: Key not found"),
        (
            b'{"errors": [{"field": "name", "message": "a list with this name exists"}]}',
            "name: a list with this name exists",
        ),
        (b'{"errors": [{"message": "no"}, {"message": "no"}, {"message": "yes"}]}', "no; yes"),
        (b'{"message": "a value \\"Ada\\" of \'VIP\' isn\'t known"}', "a value … of … isn't known"),
        (b'{"message": "value \\"The \\"Big\\" Shop\\" is wrong"}', "value …"),
        (b'{"message": "see https://example.com/a/b?email=ada"}', "see https://example.com/a/b…"),
        (b'{"message": "IP 10.20.30.40 and 2001:db8::1 are not allowed"}', "IP … and … are not allowed"),
        (b"<html><head><title>403 Forbidden</title></head><body>Ada</body></html>", "403 Forbidden"),
        (b"<p>Ada", ""),
        (b'{"errors": [{"message": "cut o', ""),
        (b"Too many lists.\n", "Too many lists"),
    ],
)
def test_words_come_from_where_messages_stand(body: bytes, words: str) -> None:
    assert quoted(body) == words


def test_a_long_message_is_cut() -> None:
    words = quoted(json.dumps({"message": "many words " * 50}).encode())
    assert len(words) == LENGTH
    assert words.endswith("…")
