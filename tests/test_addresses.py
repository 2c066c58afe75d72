"""One address is written in many ways: all of them have one form, in Python as in the warehouse."""

import csv
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import idna
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis
from hypothesis import strategies as some

from lifecycle import addresses, warehouse
from lifecycle.addresses import normalize_email, written_forms
from tests.databases import NewDatabase, with_schemas

#: ``written`` and ``one_form`` name what one doesn't see as in Python: ``\u200b``, ``\t``.
TABLE = Path(__file__).with_name("addresses.csv")
INVISIBLE = re.compile(r"\\u[0-9a-f]{4}|\\[trn]")


def cases() -> list[tuple[str, str, str]]:
    """Case, address as somebody writes it, its one form."""
    with TABLE.open(newline="") as file:
        return [(case, *(_shown(text) for text in texts)) for case, *texts in [*csv.reader(file)][1:]]


def _shown(text: str) -> str:
    return INVISIBLE.sub(lambda match: match[0].encode().decode("unicode_escape"), text)


@pytest.mark.parametrize(("written", "one_form"), [pytest.param(*texts, id=case) for case, *texts in cases()])
def test_an_address_has_one_form_however_it_is_written(written: str, one_form: str) -> None:
    assert normalize_email(written) == one_form
    assert normalize_email(one_form) == one_form


#: What Python knows as a character, as the warehouse may know later ones.
CHARACTERS = some.characters(exclude_categories=["Cs", "Cn", "Co"], exclude_characters="\x00")
WORDS = some.one_of(
    some.text(CHARACTERS, max_size=12),
    some.text(some.characters(min_codepoint=0xC0, max_codepoint=0x52F, exclude_categories=["Cn"]), max_size=70),
    some.text(some.sampled_from("abzABZ019-._ äÖßﬁ·lL\u0308\u0345\u200c\u200d\u00ad"), max_size=70),
    some.text(some.sampled_from("".join(map(chr, [*addresses.LOWER_CASE, *addresses.MAPPED]))), max_size=12),
    some.text(some.sampled_from("\u05d0\u05ea\u0621\u0627\u0628\u0660\u06f10-1aé"), max_size=8),
)
DOMAINS = some.lists(WORDS, min_size=1, max_size=3).map(".".join)
ADDRESSES = some.builds("{}{}{}".format, WORDS, some.sampled_from(["@", "@", "@@", ""]), DOMAINS)


@pytest.mark.parametrize(
    ("email", "forms"),
    [
        ("info@example.com", ["info@example.com"]),
        ("info@xn--mller-kva.de", ["info@xn--mller-kva.de", "info@mu\u0308ller.de", "info@müller.de"]),
        ("info@müller.de", ["info@müller.de"]),
        ("jörg@example.com", ["jörg@example.com", "jo\u0308rg@example.com"]),
        ("info@xn--zzzz!!.de", ["info@xn--zzzz!!.de"]),
    ],
    ids=ascii,
)
def test_others_may_have_written_an_address_in_its_other_forms(email: str, forms: list[str]) -> None:
    assert written_forms(email) == forms
    assert {*map(normalize_email, forms)} == {normalize_email(email)}


@given(ADDRESSES)
def test_the_one_form_has_itself_as_its_form(written: str) -> None:
    one_form = normalize_email(written)
    assert normalize_email(one_form) == one_form
    for form in ("NFC", "NFD"):
        assert normalize_email(unicodedata.normalize(form, written)) == one_form


#: Letters that are encoded, of Han and Hangul some.
LETTERS = [
    letter
    for letter in map(
        chr, [*range(0x80, 0x3100), *range(0x4E00, 0x4E80), *range(0xAC00, 0xAC80), *range(0xFF00, 0xFFEF)]
    )
    if normalize_email(f"@{letter}").startswith("@xn--")
]


@given(some.text(some.one_of(some.sampled_from(LETTERS), some.sampled_from("aZ0-")), min_size=1))
def test_what_is_encoded_is_as_idna_with_uts_46_encodes_it(label: str) -> None:
    one_form = normalize_email(f"info@{label}.de")
    if one_form.isascii() and "xn--" in one_form:
        assert one_form == f"info@{idna.encode(f'{label}.de', uts46=True, std3_rules=True).decode()}"


def test_the_letters_of_europe_and_east_asia_are_encoded() -> None:
    text = "äöüßéèêàçñøåæœłşğıžčőþðəέςйжїћўհქאب中かカ각"
    assert [letter for letter in text if letter not in LETTERS] == []
    assert [letter for letter in "💩𝓶ﬁ①उ\u200d\u0308·\u00d7÷" if letter in LETTERS] == []


# --- the warehouse -----------------------------------------------


class Normalizer:
    """The warehouse's function, for many addresses at once."""

    def __init__(self, connection: warehouse.Connection) -> None:
        self.connection = connection

    def __call__(self, written: list[str]) -> list[str]:
        rows = self.connection.execute(
            "select coalesce($raw.normalized_email(email), '')"
            " from unnest(%s::text[]) with ordinality as written (email, place) order by place",
            [written],
        )
        return [one_form for (one_form,) in rows]


@pytest.fixture(scope="module")
def normalizer(new_database: NewDatabase) -> Iterator[Normalizer]:
    with warehouse.connect(new_database(with_schemas)) as connection:
        yield Normalizer(connection)


def test_the_warehouse_gives_an_address_the_same_form(normalizer: Normalizer) -> None:
    written = [written for _, written, _ in cases()]
    assert normalizer(written) == [one_form for _, _, one_form in cases()]


@hypothesis(max_examples=25)
@given(some.lists(ADDRESSES, min_size=20, max_size=40))
def test_the_warehouse_and_python_agree_on_any_address(normalizer: Normalizer, written: list[str]) -> None:
    assert normalizer(written) == [normalize_email(email) for email in written]


def test_an_absent_address_stays_absent(normalizer: Normalizer) -> None:
    assert normalizer.connection.execute("select $raw.normalized_email(null)").fetchone() == (None,)
