"""The page speaks one language at a time."""

import re
from datetime import date
from pathlib import Path

import pytest
from babel.messages import pofile
from babel.messages.extract import extract_from_file

from lifecycle import page
from lifecycle.page.words import words
from tests.page.conftest import Site
from tests.page.made import ADA

FOLDER = Path(page.__file__).parent
KEYWORDS = {"_": None, "text": None, "marked": None, "plural": (1, 2), "gettext": None, "ngettext": (1, 2)}
#: Words that are the same in both languages, and what the warehouse holds as it stands.
ALIKE = {"RACE", "Attract-Sell-Wow", "Sterne & Cutler", "HubSpot", "VIP", "Engagement", "Shop", "Lifecycle"}

Message = str | tuple[str, ...]


def said() -> set[Message]:
    """Every message of the page, singular and plural."""
    found: set[Message] = set()
    for method, suffix in (("python", "py"), ("jinja2.ext.babel_extract", "jinja")):
        for file in FOLDER.rglob(f"*.{suffix}"):
            found |= {message for _, message, *_ in extract_from_file(method, file, KEYWORDS)}
    return found


def german() -> dict[Message, Message]:
    with (FOLDER / "de.po").open("rb") as file:
        return {
            message.id if isinstance(message.id, str) else tuple(message.id): message.string
            if isinstance(message.string, str)
            else tuple(message.string or ())
            for message in pofile.read_po(file, locale="de")
            if message.id
        }


def test_every_message_has_its_german_and_no_german_is_left_over() -> None:
    assert set(german()) == said()
    assert all(part for text in german().values() for part in ([text] if isinstance(text, str) else text))


def test_a_german_message_has_the_same_places_as_its_english_one() -> None:
    def places(message: Message) -> list[str]:
        text = message if isinstance(message, str) else message[-1]
        return sorted(re.findall(r"%\(\w+\)s|%s", text))

    assert [message for message, text in german().items() if places(message) != places(text)] == []


@pytest.mark.parametrize(
    "address", ["/?lang=de", "/gap/nudge?lang=de", f"/person?lang=de&id={ADA}", "/reports?lang=de"]
)
def test_a_german_page_holds_no_english_message(site: Site, address: str) -> None:
    shown = site.shown(address)
    labels = [value or "" for _, given in shown.elements for name, value in given.items() if name == "aria-label"]
    text = " ".join([shown.text, *labels])
    english = {
        message
        for message in said()
        if isinstance(message, str) and message not in ALIKE and german()[message] != message and len(message) > 5
    }
    assert [message for message in english if re.search(rf"(?<!\w){re.escape(message)}(?!\w)", text)] == []


def test_numbers_and_days_are_written_as_the_language_does() -> None:
    english, deutsch = words("en"), words("de")
    assert (english.number(1240), deutsch.number(1240)) == ("1,240", "1.240")
    assert (english.signed(-3), english.signed(0), deutsch.signed(1.5, 2)) == ("\N{MINUS SIGN}3", "±0", "+1,50")
    assert (english.share(0.123), deutsch.share(0.123)) == ("12.3%", "12,3\N{NO-BREAK SPACE}%")
    assert (english.day(date(2017, 12, 31)), deutsch.day(date(2017, 12, 31))) == ("31 Dec 2017", "31.12.2017")
    assert deutsch.money(1240, "CHF") == "1.240,00\N{NO-BREAK SPACE}CHF"


def test_charts_are_labelled_in_the_chosen_language(site: Site) -> None:
    chart = site.shown("/?lang=de").charts["stages"]
    assert [trace["name"] for trace in chart["data"]][:2] == ["Interessenten", "Neukunden"]
    assert chart["layout"]["xaxis"]["ticktext"][-1] == "31. Dez."
    assert chart["layout"]["separators"] == ",."
