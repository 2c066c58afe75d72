"""English or German throughout: texts by gettext, dates and numbers as the language writes them."""

import functools
import gettext
import io
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

from babel import Locale, dates, numbers
from babel.messages import mofile, pofile

from lifecycle.page.tables import STAGES

GERMAN = Path(__file__).with_name("de.po")
LOCALES = {"en": "en_GB", "de": "de_DE"}

MINUS = "\N{MINUS SIGN}"
NOTHING = "\N{EN DASH}"

Number = int | float | Decimal


@dataclass(frozen=True, slots=True)
class Words:
    """How one language says things."""

    language: str
    translations: gettext.NullTranslations

    def text(self, message: str) -> str:
        """A message in this language."""
        return self.translations.gettext(message)

    def plural(self, one: str, many: str, count: int) -> str:
        """A message in this language, in the form for so many."""
        return self.translations.ngettext(one, many, count)

    def number(self, value: Number) -> str:
        """1,240 or 1.240; what is no whole number with up to two decimals."""
        if isinstance(value, int):
            return f"{value:,}".replace(",", _group_symbol(self.language))
        return numbers.format_decimal(value, locale=_locale(self.language), format="#,##0.##")

    def signed(self, value: Number, digits: int | None = None) -> str:
        """The number with its sign, or ±; with so many decimals, or as many as it takes."""
        sign = "+" if value > 0 else MINUS if value < 0 else "±"
        size = -value if value < 0 else value
        if digits is None:
            return sign + self.number(size)
        return sign + numbers.format_decimal(size, locale=_locale(self.language), format="#,##0." + "0" * digits)

    def share(self, value: Number, digits: int = 1) -> str:
        """0.123 as 12.3%."""
        pattern = ("0." + "0" * digits if digits else "0") + ("%" if self.language == "en" else "\N{NO-BREAK SPACE}%")
        return numbers.format_percent(value, format=pattern, locale=_locale(self.language))

    def money(self, value: Number, currency: str) -> str:
        """A sum with its currency."""
        return (
            numbers.format_decimal(value, format="#,##0.00", locale=_locale(self.language))
            + "\N{NO-BREAK SPACE}"
            + currency
        )

    def day(self, value: date) -> str:
        """31 Dec 2017 or 31.12.2017."""
        return _day(value, self.language)

    def short_day(self, value: date) -> str:
        """31 Dec or 31. Dez."""
        return dates.format_skeleton("MMMd", value, locale=_locale(self.language))

    def month(self, value: date) -> str:
        """Dec 2017 or Dez. 2017."""
        return dates.format_skeleton("yMMM", value, locale=_locale(self.language))

    def stage(self, stage: str) -> str:
        """A stage's name, or 'none' for who was not known before."""
        return self.text(STAGES.get(stage, stage))


@functools.cache
def _locale(language: str) -> Locale:
    return Locale.parse(LOCALES[language])


@functools.cache
def _group_symbol(language: str) -> str:
    return numbers.get_group_symbol(_locale(language))


@functools.lru_cache(maxsize=5000)
def _day(value: date, language: str) -> str:
    return dates.format_date(value, "medium", locale=_locale(language))


@functools.cache
def words(language: str) -> Words:
    """The words of 'en' or 'de'."""
    if language == "en":
        return Words(language, gettext.NullTranslations())
    with GERMAN.open("rb") as file:
        catalog = pofile.read_po(file, locale=language)
    compiled = io.BytesIO()
    mofile.write_mo(compiled, catalog)
    compiled.seek(0)
    return Words(language, gettext.GNUTranslations(compiled))
