"""A provider's own words about a refusal, without what they may hold of a person or of a key.

The words come from where the field's APIs put them (SendGrid, Brevo, WooCommerce, Shopify, Shopware, RFC 9457), or are
the body itself where it is plain text. What could be private is replaced by ``…``; where it is unclear how far that
reaches, the rest of the message is left out.
"""

import html
import re
import unicodedata
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import orjson

LENGTH, MESSAGES = 200, 3
#: How much of a message is looked at; it is cut before anything is replaced, which an open quotation mark survives.
LONGEST = 2_000
GAP = "…"
MESSAGE_KEYS = ("message", "detail", "error_description", "description", "title")
PLACE_KEYS = ("field", "parameter")
NESTED_KEYS = ("errors", "error")
IDENTIFIER = re.compile(r"[A-Za-z][\w.\[\]-]{0,59}")

TAG = re.compile(r"<[a-zA-Z/!][^<>]*>")
TITLE = re.compile(r"<title[^>]*>([^<]*)</title", re.IGNORECASE)
QUOTATION_MARKS = {
    **dict.fromkeys(map(ord, "\u201c\u201d\u201e\u201f\u00ab\u00bb\u2033\u275d\u275e\u300c\u300d\u300e\u300f"), '"'),
    **dict.fromkeys(map(ord, "\u2018\u2019\u201a\u201b\u2039\u203a\u2032\u00b4\u275b\u275c"), "'"),
}
REPLACED = tuple(
    re.compile(pattern)
    for pattern in (
        r"\S*(?:@|%40)\S*",  # an address, or a URL with a login
        r"(?i)\b(?:bearer|basic)\s+\S+",
        r"(?i)(?<![a-z0-9])(?:SG\.|xkeysib-|xsmtpsib-|c[ks]_|shp[a-z]{2}_|eyJ|sk_|pk_)\S+",
        r"\?\S+",  # a query
        r"(?i)\b(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?![\w:])",  # IPv6, and a time of day
        r"\b\d{1,3}(?:\.\d{1,3}){3}\b",
        r"[+(]*\d(?:[\s().\-/\u2010-\u2015]*\d){6,}",  # a telephone number, a date
    )
)
UNICODE_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")
NO_PLAIN_TEXT = re.compile(r"\s*(?:<|[{\[]\s*[\"{\[])")
RUN = re.compile(r"[\w+/=.~-]{8,}")
JOINT = re.compile(r"[_./~=+-]+")
HEX = re.compile(r"(?i)(?=[a-f]*[0-9])[0-9a-f]{8,}|[0-9a-f]{12,}")
SMALL_NUMBER = re.compile(r"[vV]?[0-9]{1,6}")
WORD = re.compile(r"[^\W\d_]{1,30}[0-9]{0,2}")
HUMPS = re.compile(r"[A-Z]?[a-z]+(?:[A-Z][a-z]{2,})*[0-9]{0,2}")


def quoted(body: bytes) -> str:
    """What an error's body says, on one line of at most ``LENGTH`` characters; empty where it says nothing."""
    try:
        value = orjson.loads(body)
        value = _text(body) if isinstance(value, str) else value  # its quotation marks count
    except ValueError:
        value = _plain(_text(body)[:LONGEST])
    sayings = dict.fromkeys(filter(None, map(redacted, islice(_messages(value), MESSAGES * 10))))
    words = "; ".join(islice(sayings, MESSAGES))
    return words if len(words) <= LENGTH else words[: LENGTH - 1].rstrip() + GAP


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except ValueError:
        return body.decode("cp1252", errors="replace")


def redacted(text: str) -> str:
    """A message without tags, addresses, quoted values, queries, keys, and long runs of digits."""
    text = unicodedata.normalize("NFKC", text[:LONGEST].translate(QUOTATION_MARKS))
    for _ in range(3):  # escaped more than once
        text = html.unescape(TAG.sub(" ", text))
    text = UNICODE_ESCAPE.sub(lambda escape: chr(int(escape[1], 16)), text).replace("\\", "")
    text = unicodedata.normalize("NFKC", text.translate(QUOTATION_MARKS))
    text = "".join(sign for sign in text if unicodedata.category(sign) not in {"Cf", "Cs", "Co", "Cn"})
    for sign in ('"', "`", "'"):
        text = _without_quotations(text, sign)
    for pattern in REPLACED:
        text = pattern.sub(GAP, text)
    text = RUN.sub(lambda run: run[0] if _is_plain(run[0]) else GAP, text)
    text = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split()).rstrip(" .;:,")
    return text if re.search(r"[^\W_]", text) else ""


def _without_quotations(text: str, sign: str) -> str:
    """Quoted values become a gap; from the first mark on, everything does where the marks are no clear pairs."""
    marks = [n for n, each in enumerate(text) if each == sign and not (sign == "'" and _is_apostrophe(text, n))]
    if not marks:
        return text
    pairs = list(zip(marks[::2], marks[1::2], strict=False))
    if len(marks) % 2 or not all(_is_pair(text, *pair) for pair in pairs):
        return text[: marks[0]] + GAP
    parts, end = [], 0
    for opening, closing in pairs:
        parts += [text[end:opening], GAP]
        end = closing + 1
    return "".join((*parts, text[end:]))


def _is_apostrophe(text: str, place: int) -> bool:
    return text[place - 1 : place].isalpha() and text[place + 1 : place + 2].isalpha()


def _is_pair(text: str, opening: int, closing: int) -> bool:
    before, after = text[:opening][-1:], text[closing + 1 : closing + 2]
    inner = text[opening + 1 : closing]
    return not before.isalnum() and not after.isalnum() and inner == inner.strip()


def _is_plain(run: str) -> bool:
    """Whether a long run of letters, digits and joints is made of words and small numbers, as names of settings are."""
    return all(_is_word(part) for part in JOINT.split(run) if part)


def _is_word(part: str) -> bool:
    if HEX.fullmatch(part) or not (SMALL_NUMBER.fullmatch(part) or WORD.fullmatch(part)):
        return False
    return part.islower() or part.isupper() or part.istitle() or bool(HUMPS.fullmatch(part) or part.isdigit())


def _plain(text: str) -> str:
    """A body that is not JSON: of a page its title."""
    title = TITLE.search(text)
    if title:
        return title[1]
    return "" if NO_PLAIN_TEXT.match(text) else text


def _messages(value: Any) -> Iterator[str]:
    """The messages of an error's JSON, wherever the field's APIs put them."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _messages(item)
    elif isinstance(value, dict):
        message = next((value[key] for key in MESSAGE_KEYS if _is_text(value.get(key))), None)
        if message is not None:
            yield ": ".join((*_names(value), message))
        for key in NESTED_KEYS:
            nested = value.get(key)
            if _is_text(nested) and message is None:
                yield str(nested)
            elif isinstance(nested, list):
                yield from _messages(nested)
            elif isinstance(nested, dict):
                yield from _messages_by_field(nested)


def _messages_by_field(nested: Mapping[str, Any]) -> Iterator[str]:
    """An error object, or Shopify's field → its messages."""
    if any(_is_text(nested.get(key)) for key in MESSAGE_KEYS):
        yield from _messages(nested)
        return
    for field, messages in nested.items():
        for message in messages if isinstance(messages, list) else [messages]:
            if _is_text(message):
                yield f"{field}: {message}" if IDENTIFIER.fullmatch(field) else message


def _names(value: Mapping[str, Any]) -> list[str]:
    """The error's code, and the place that it is about."""
    names = [value.get(key) for key in ("code", "error", *PLACE_KEYS)]
    return list(dict.fromkeys(name for name in names if isinstance(name, str) and IDENTIFIER.fullmatch(name)))


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value.strip() != ""
