"""The page in English, German and Swiss German: every message is translated, and numbers follow the country."""

import functools
import re
from datetime import date
from pathlib import Path

import pytest
from babel.messages import Catalog
from babel.messages.extract import extract_from_file

from lifecycle import page
from lifecycle.page.locales import catalogue, locale_of
from tests.page.conftest import Site
from tests.page.sample_data import ADA

FOLDER = Path(page.__file__).parent
KEYWORDS = {"_": None, "text": None, "translatable": None, "plural": (1, 2), "gettext": None, "ngettext": (1, 2)}
#: Words that are the same in both languages, and names that are not translated.
ALIKE = {"RACE", "Attract-Sell-Wow", "Sterne & Cutler", "HubSpot", "VIP", "Engagement", "Shop", "Lifecycle"}

APOSTROPHE = "\N{RIGHT SINGLE QUOTATION MARK}"

Message = str | tuple[str, ...]


@functools.cache
def extracted() -> set[Message]:
    """Every message of the page, singular and plural."""
    found: set[Message] = set()
    for method, suffix in (("python", "py"), ("jinja2.ext.babel_extract", "jinja")):
        for file in FOLDER.rglob(f"*.{suffix}"):
            found |= {message for _, message, *_ in extract_from_file(method, file, KEYWORDS)}
    return found


def messages(catalog: Catalog) -> dict[Message, Message]:
    """Message → translation."""
    return {
        message.id if isinstance(message.id, str) else tuple(message.id): message.string
        if isinstance(message.string, str)
        else tuple(message.string or ())
        for message in catalog
        if message.id
    }


def parts(text: Message) -> tuple[str, ...]:
    """The forms of a message."""
    return (text,) if isinstance(text, str) else text


def test_every_message_is_translated_and_no_translation_is_unused() -> None:
    assert set(messages(catalogue("de"))) == extracted()
    assert all(part for text in messages(catalogue("de")).values() for part in parts(text))


def test_a_german_message_has_the_placeholders_of_its_english_one() -> None:
    def placeholders(message: Message) -> list[str]:
        text = message if isinstance(message, str) else message[-1]
        return sorted(re.findall(r"%\(\w+\)s|%s", text))

    assert [
        message for message, text in messages(catalogue("de")).items() if placeholders(message) != placeholders(text)
    ] == []


@pytest.mark.parametrize(
    "address", ["/?lang=de", "/gap/nudge?lang=de", f"/person?lang=de&id={ADA}", "/reports?lang=de"]
)
def test_a_german_page_holds_no_english_message(site: Site, address: str) -> None:
    shown = site.shown(address)
    labels = [
        value or "" for _, attributes in shown.elements for name, value in attributes.items() if name == "aria-label"
    ]
    text, german = " ".join([shown.text, *labels]), messages(catalogue("de"))
    english = {
        message
        for message in extracted()
        if isinstance(message, str) and message not in ALIKE and german[message] != message and len(message) > 5
    }
    assert [message for message in english if re.search(rf"(?<!\w){re.escape(message)}(?!\w)", text)] == []


def test_numbers_money_and_days_are_written_as_in_the_country() -> None:
    english, german, swiss = locale_of("en"), locale_of("de"), locale_of("de_CH")
    assert (english.number(1240), german.number(1240), swiss.number(1240)) == ("1,240", "1.240", f"1{APOSTROPHE}240")
    assert (english.number(1234.5), german.number(1234.5), swiss.number(1234.5)) == (
        "1,234.5",
        "1.234,5",
        f"1{APOSTROPHE}234.5",
    )
    assert (english.signed(-3), english.signed(0)) == ("\N{MINUS SIGN}3", "±0")
    assert (german.signed(1.5, 2), swiss.signed(1234.5, 2)) == ("+1,50", f"+1{APOSTROPHE}234.50")
    assert (english.share(0.123), german.share(0.123), swiss.share(0.123)) == (
        "12.3%",
        "12,3\N{NO-BREAK SPACE}%",
        "12.3%",
    )
    assert english.day(date(2017, 12, 31)) == "31 Dec 2017"
    assert (german.day(date(2017, 12, 31)), swiss.day(date(2017, 12, 31))) == ("31.12.2017", "31.12.2017")
    assert german.money(1240, "CHF") == "1.240,00\N{NO-BREAK SPACE}CHF"
    assert (english.money(1240, "EUR"), english.money(1240, "CHF")) == ("€1,240.00", "CHF\N{NO-BREAK SPACE}1,240.00")
    assert swiss.money(1234.5, "CHF") == f"CHF\N{NO-BREAK SPACE}1{APOSTROPHE}234.50"


@pytest.mark.parametrize(("count", "text"), [(0, "0 Tage"), (1, "1 Tag"), (2, "2 Tage")])
@pytest.mark.parametrize("language", ["de", "de_CH"])
def test_a_german_message_takes_the_form_of_its_count(language: str, count: int, text: str) -> None:
    assert locale_of(language).plural("%s day", "%s days", count) % count == text


def test_swiss_german_is_the_german_catalogue_without_sharp_s() -> None:
    german, swiss = (messages(catalogue(language)) for language in ("de", "de_CH"))
    assert set(swiss) == set(german)
    assert any("ß" in part for text in german.values() for part in parts(text))
    assert not any("ß" in part for text in swiss.values() for part in parts(text))
    assert locale_of("de_CH").text("Close") == "Schliessen"
    assert (
        locale_of("de_CH")
        .text("Lower for contacted people: %(lift)s (%(range)s).")
        .startswith("Bei kontaktierten Personen tiefer")
    )


@pytest.mark.parametrize("path", ["/", "/gap/nudge", f"/person?id={ADA}", "/reports"])
def test_a_swiss_page_has_no_sharp_s(site: Site, path: str) -> None:
    page = site.shown(f"{path}{'&' if '?' in path else '?'}lang=de_CH")
    assert ("html", {"lang": "de-CH"}) in page.elements
    assert "ß" not in site.client.get(f"{path}{'&' if '?' in path else '?'}lang=de_CH").text


def test_texts_of_the_catalogue_follow_the_language(site: Site) -> None:
    assert "A friendly nudge." in site.shown("/gap/nudge").text
    assert "Ein freundlicher Anstoß." in site.shown("/gap/nudge?lang=de").text
    assert "Ein freundlicher Anstoss." in site.shown("/gap/nudge?lang=de_CH").text


@pytest.mark.parametrize(("language", "separators"), [("de", ",."), ("de_CH", f".{APOSTROPHE}")])
def test_charts_are_labelled_in_the_chosen_language(site: Site, language: str, separators: str) -> None:
    chart = site.shown(f"/?lang={language}").charts["stages"]
    assert [trace["name"] for trace in chart["data"]][:2] == ["Interessenten", "Neukunden"]
    assert chart["layout"]["xaxis"]["ticktext"][-1] == "31. Dez."
    assert chart["layout"]["separators"] == separators
