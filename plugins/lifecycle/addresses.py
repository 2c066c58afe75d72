"""The one form of an e-mail address, in which it is hashed, compared and sent.

It is trimmed, in lower case and in NFC, and its domain is in ASCII, as IDNA 2008 encodes it with the mapping of UTS 46
for case, width and dots. ``raw.normalized_email`` does the same in the warehouse, whose Unicode may be of another
version: so both know the same letters, and a domain with others, or one that IDNA forbids, is only in lower case.
"""

import re
import unicodedata

import idna

#: What is trimmed; as the macro ``clean_text`` does.
WHITE_SPACE = " \t\n\v\f\r\x85\xa0\u2007\u2008\u2009\u200b\u2028\u2029\u202f\u3000\ufeff"
#: Letters with case: Latin, Greek, Cyrillic, Armenian and Latin in full width.
WITH_CASE = ((0x41, 0x5A), (0xC0, 0x24F), (0x370, 0x52F), (0x531, 0x556), (0x1E00, 0x1EFF), (0xFF21, 0xFF3A))
#: Letter by letter, so that it does not depend on a language or on what follows.
LOWER_CASE = {place: chr(place).lower() for first, last in WITH_CASE for place in range(first, last + 1)}
#: ASCII in full width, the dots of UTS 46, and what it ignores.
MAPPED = str.maketrans(
    "".join(map(chr, [*range(0xFF10, 0xFF1A), *range(0xFF41, 0xFF5B), 0xFF0D, 0xFF0E, 0x3002, 0xFF61])),
    "0123456789abcdefghijklmnopqrstuvwxyz-...",
    "\u00ad\u200b\u2060\ufeff",
)
#: Latin, Greek, Cyrillic, Armenian, Georgian, kana, Han and Hangul, as far as IDNA 2008 has them.
LEFT_TO_RIGHT = (
    r"\u00df-\u00f6\u00f8-\u0131\u0134-\u013e\u0141-\u0148\u014a-\u017e\u0180-\u01c3\u01cd-\u01f0\u01f4-\u02af"
    r"\u0300-\u0344\u0346-\u034e\u0350-\u036f\u0390\u03ac-\u03ce\u0430-\u0481\u0483-\u0487\u048a-\u052f"
    r"\u0561-\u0586\u10d0-\u10fa\u1e00-\u1e99\u1e9c-\u1f15\u1f20-\u1f45\u1f50-\u1f57\u1f60-\u1f7c"
    r"\u3005-\u3007\u3041-\u3096\u3099\u309a\u309d\u309e\u30a1-\u30fa\u30fc-\u30fe\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3"
)
MARKS = r"\u0300-\u036f\u0483-\u0487\u3099\u309a"
#: Hebrew and Arabic: a label of theirs has no other letters (RFC 5893).
RIGHT_TO_LEFT = (
    r"\u05d0-\u05ea\u0620-\u063f\u0641-\u064a\u066e\u066f\u0671-\u0674\u0679-\u06d3\u06d5\u06ee\u06ef\u06fa-\u06fc\u06ff"
    r"\u0750-\u077f"
)
#: A label that IDNA 2008 encodes. Neither a hyphen nor a mark begins it; Catalan has a middle dot in l·l.
LABEL = re.compile(
    rf"(?![-{MARKS}]|..--)(?:(?:[a-z0-9{LEFT_TO_RIGHT}-]|l\u00b7(?=l))+|[{RIGHT_TO_LEFT}][{RIGHT_TO_LEFT}0-9-]*)(?<!-)"
)


def normalize_email(text: str) -> str:
    """The one form of what should be an address; empty if there is none."""
    if text.isascii():
        return text.strip(WHITE_SPACE).lower()
    decomposed = unicodedata.normalize("NFD", text.strip(WHITE_SPACE))
    email = unicodedata.normalize("NFC", decomposed.translate(LOWER_CASE))
    local_part, at, domain = email.rpartition("@")
    return email if domain.isascii() or not at else f"{local_part}@{_in_ascii(domain)}"


def written_forms(email: str) -> list[str]:
    """The forms in which somebody else may have written an address: the one form first, which most have alone.

    A form that is not the one form stands for itself only.
    """
    if normalize_email(email) != email:
        return [email]
    local_part, at, domain = email.rpartition("@")
    domains = {domain, ".".join(_decoded(label) for label in domain.split("."))}
    written = {unicodedata.normalize(form, local_part + at + each) for form in ("NFC", "NFD") for each in domains}
    return [email, *sorted(written - {email})]


def _decoded(label: str) -> str:
    try:
        return idna.ulabel(label) if label.startswith("xn--") else label
    except idna.IDNAError:
        return label


def _in_ascii(domain: str) -> str:
    """A domain as IDNA encodes it, or as it is."""
    labels = unicodedata.normalize("NFC", domain.translate(MAPPED)).split(".")
    try:
        return ".".join(label if label.isascii() else _encoded(label) for label in labels)
    except idna.IDNAError:
        return domain


def _encoded(label: str) -> str:
    if not LABEL.fullmatch(label):
        message = "has letters that the warehouse does not encode"
        raise idna.IDNAError(message)
    return idna.alabel(label).decode()
