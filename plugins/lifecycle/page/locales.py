"""The page in English, German or Swiss German: texts by gettext, numbers, money and dates by Babel."""

import functools
import gettext
import io
import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

import babel
from babel import dates, numbers
from babel.messages import Catalog, mofile, pofile

from lifecycle.page.labels import STAGES

CATALOGUE = Path(__file__).with_name("de.po")
#: The languages of the page, each with the locale that writes its numbers and dates.
LANGUAGES = {"en": "en_GB", "de": "de_DE", "de_CH": "de_CH"}
#: German words for which Switzerland has another one; everything else differs by its ß alone.
SWISS_WORDS = {"niedriger": "tiefer"}

MINUS = "\N{MINUS SIGN}"
DASH = "\N{EN DASH}"

Number = int | float | Decimal


@dataclass(frozen=True, slots=True)
class Locale:
    """Texts, numbers and dates of one language."""

    language: str
    translations: gettext.NullTranslations

    @property
    def tag(self) -> str:
        """The language as HTML names it: en, de or de-CH."""
        return self.language.replace("_", "-")

    @property
    def is_german(self) -> bool:
        """Whether German texts of the warehouse are shown."""
        return self.language.startswith("de")

    @property
    def separators(self) -> str:
        """The decimal separator and the one of thousands, as Plotly takes them."""
        return numbers.get_decimal_symbol(_babel(self.language)) + _group_symbol(self.language)

    def text(self, message: str) -> str:
        """A message in this language."""
        return self.translations.gettext(message)

    def plural(self, one: str, many: str, count: int) -> str:
        """A message in this language, in the form that the count takes."""
        return self.translations.ngettext(one, many, count)

    def spelled(self, german: str) -> str:
        """A German text of the warehouse in the spelling of this language."""
        return swiss(german) if self.language == "de_CH" else german

    def label(self, labels: dict[str, str], key: str) -> str:
        """The label of a key; of an unknown key, the key itself without underscores."""
        return self.text(labels[key]) if key in labels else key.replace("_", " ")

    def number(self, value: Number) -> str:
        """1,240 or 1.240, as the country writes it; a fraction with up to two decimals."""
        if isinstance(value, int):
            return f"{value:,}".replace(",", _group_symbol(self.language))
        return numbers.format_decimal(value, locale=_babel(self.language), format="#,##0.##")

    def signed(self, value: Number, digits: int | None = None) -> str:
        """The number with its sign, or ±; with ``digits`` decimals, or as many as it needs."""
        sign = "+" if value > 0 else MINUS if value < 0 else "±"
        size = -value if value < 0 else value
        if digits is None:
            return sign + self.number(size)
        return sign + numbers.format_decimal(size, locale=_babel(self.language), format="#,##0." + "0" * digits)

    def share(self, value: Number, digits: int = 1) -> str:
        """0.123 as 12.3%, 12,3 % or 12.3%."""
        locale = _babel(self.language)
        unit = locale.percent_formats[None].pattern.removeprefix("#,##0")
        pattern = ("0." + "0" * digits if digits else "0") + unit
        return numbers.format_percent(value, format=pattern, locale=locale)

    def money(self, value: Number, currency: str) -> str:
        """A sum with its currency: CHF 1,240.00 or 1.240,00 CHF."""
        locale = _babel(self.language)
        pattern = locale.currency_formats["standard"].pattern
        if numbers.get_currency_symbol(currency, locale)[-1].isalpha():
            pattern = pattern.replace("¤#", "¤\N{NO-BREAK SPACE}#")
        return numbers.format_currency(value, currency, format=pattern, locale=locale)

    def day(self, value: date) -> str:
        """31 Dec 2017 or 31.12.2017."""
        return _day(value, self.language)

    def short_day(self, value: date) -> str:
        """31 Dec or 31. Dez."""
        return dates.format_skeleton("MMMd", value, locale=_babel(self.language))

    def month(self, value: date) -> str:
        """Dec 2017 or Dez. 2017."""
        return dates.format_skeleton("yMMM", value, locale=_babel(self.language))

    def stage(self, stage: str) -> str:
        """A stage's name, or 'none' for people who were not known before."""
        return self.text(STAGES.get(stage, stage))


def swiss(german: str) -> str:
    """A German text in Swiss spelling."""
    spelled = german.replace("ß", "ss").replace("ẞ", "SS")
    return re.sub(r"\w+", lambda word: SWISS_WORDS.get(word[0], word[0]), spelled)


@functools.cache
def locale_of(language: str) -> Locale:
    """The texts and formats of 'en', 'de' or 'de_CH'."""
    if language == "en":
        return Locale(language, gettext.NullTranslations())
    compiled = io.BytesIO()
    mofile.write_mo(compiled, catalogue(language))
    compiled.seek(0)
    return Locale(language, gettext.GNUTranslations(compiled))


def catalogue(language: str) -> Catalog:
    """The German messages, in Swiss spelling for 'de_CH'."""
    with CATALOGUE.open("rb") as file:
        messages = pofile.read_po(file, locale="de")
    if language == "de_CH":
        for message in messages:
            text = message.string or ""
            message.string = swiss(text) if isinstance(text, str) else tuple(swiss(form) for form in text)
    return messages


@functools.cache
def _babel(language: str) -> babel.Locale:
    return babel.Locale.parse(LANGUAGES[language])


@functools.cache
def _group_symbol(language: str) -> str:
    return numbers.get_group_symbol(_babel(language))


@functools.lru_cache(maxsize=5000)
def _day(value: date, language: str) -> str:
    return dates.format_date(value, "medium", locale=_babel(language))
